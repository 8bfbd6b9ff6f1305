# Functions of jq 1.6 (and a few of later versions that flows use) that jaq does not bring.

# Rows
def cell(quoted):
    if isstring then quoted
  elif . == null then ""
  elif isnumber or isboolean then tostring
  else error("\(type) is no cell of a row") end;
def row(quoted; separator):
  if isarray then [.[] | cell(quoted)] | join(separator) else error("\(type) is no row: only lists are") end;
def @csv: row("\"" + (split("\"") | join("\"\"")) + "\""; ",");
def @tsv: row(
  split("\\") | join("\\\\") | split("\t") | join("\\t") | split("\n") | join("\\n") | split("\r") | join("\\r"); "\t");

# Tables
def INDEX(rows; key): reduce rows as $row ({}; .[$row | key | tostring] = $row);
def INDEX(key): INDEX(.[]; key);
def IN(values): . as $wanted | any(values; . == $wanted);
def IN(rows; values): any(rows; IN(values));

# Streams
def leaf_paths: paths(scalars);
def tostream:
  def down($path):
    if . >= [] and length > 0 then
      . as $all | keys_unsorted as $keys
      | ($keys[] as $key | $all[$key] | down($path + [$key])), [$path + [$keys[-1]]]
    else [$path, .] end;
  down([]);
def setpath($path; $value):
  if $path == [] then $value else $path[0] as $key | .[$key] |= setpath($path[1:]; $value) end;
def fromstream(events):
  foreach events as $event ({};
    if .done then {} end
    | if ($event | length) == 2
      then .value |= setpath($event[0]; $event[1]) | .done = (($event[0] | length) == 0)
      else .done = (($event[0] | length) == 1) end;
    if .done then .value else empty end);
def truncate_stream(events): . as $depth | events | select(.[0] | length > $depth) | .[0] |= .[$depth:];
def truncate_stream($depth; events): $depth | truncate_stream(events);

# Paths
def pick(wanted): . as $whole | reduce path(wanted) as $path (null; setpath($path; $whole | getpath($path)));

# Text: what is no text is left alone, nothing is joined as nothing
def join($separator):
  reduce .[] as $item (null; (if . == null then "" else . + $separator end) + ($item | if . == null then "" else tostring end)) // "";
def ltrimstr($text): if isstring and ($text | isstring) and startswith($text) then .[$text | length:] else . end;
def rtrimstr($text): if isstring and ($text | isstring) and endswith($text) then .[:length - ($text | length)] else . end;
def @base32: tostring | bound_base32;
def @base32d: tostring | bound_base32d;

# Dates
def date: todate;
def dateadd(unit; $seconds): . + $seconds;
def datesub(unit; $seconds): . - $seconds;

# The rest
def ascii: [.] | implode;
def debug: .;
def debug(message): .;
def isvalid(f): try (f | true) catch false;
def recurse_down: recurse;
def stderr: .;
def toarray: if isarray then . else [.] end;
def have_decnum: false;
def have_literal_numbers: true;
def input: error("No more inputs");
def inputs: empty;
def input_filename: null;
def input_line_number: 0;
def trimstr($text): ltrimstr($text) | rtrimstr($text);
