// Speaks with a YAML language server as an editor does. Arguments: the server's script, a document with `<|>` where the cursor is.
// Prints one JSON document: labels of the completion, the hover's text, and the messages of the diagnostics.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [server, file] = process.argv.slice(2);
const marked = readFileSync(file, "utf8");
const offset = marked.indexOf("<|>");
const text = marked.replace("<|>", "");
const before = text.slice(0, offset).split("\n");
const position = { line: before.length - 1, character: before.at(-1).length };
const uri = pathToFileURL(file).href;

const child = spawn(process.execPath, [server, "--stdio"], { stdio: ["pipe", "pipe", "inherit"] });
const waiting = new Map();
let number = 0;
let diagnosed;
const diagnostics = new Promise((resolve) => (diagnosed = resolve));

function send(message) {
  const body = JSON.stringify({ jsonrpc: "2.0", ...message });
  child.stdin.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}

function ask(method, params) {
  const id = ++number;
  send({ id, method, params });
  return new Promise((resolve) => waiting.set(id, resolve));
}

const SETTINGS = {
  yaml: { validate: true, hover: true, completion: true, schemaStore: { enable: false }, schemas: {} },
  http: {}, "[yaml]": {}, editor: {}, files: {},
};

function receive(message) {
  if (message.method === undefined) return waiting.get(message.id)?.(message.result ?? message.error);
  if (message.method === "workspace/configuration") {
    const result = message.params.items.map((item) => SETTINGS[item.section] ?? null);
    return send({ id: message.id, result });
  }
  if (message.method === "textDocument/publishDiagnostics" && message.params.uri === uri) return diagnosed(message.params.diagnostics);
  if (message.id !== undefined) send({ id: message.id, result: null });
}

let buffer = Buffer.alloc(0);
child.stdout.on("data", (chunk) => {
  buffer = Buffer.concat([buffer, chunk]);
  for (;;) {
    const end = buffer.indexOf("\r\n\r\n");
    if (end < 0) return;
    const length = Number(/Content-Length: (\d+)/i.exec(buffer.subarray(0, end).toString())[1]);
    if (buffer.length < end + 4 + length) return;
    const message = JSON.parse(buffer.subarray(end + 4, end + 4 + length).toString());
    buffer = buffer.subarray(end + 4 + length);
    receive(message);
  }
});

await ask("initialize", {
  processId: process.pid, rootUri: null, workspaceFolders: null,
  capabilities: {
    workspace: { configuration: true, didChangeConfiguration: { dynamicRegistration: true } },
    textDocument: { completion: { completionItem: { documentationFormat: ["markdown"] } }, hover: { contentFormat: ["markdown"] }, publishDiagnostics: {} },
  },
});
send({ method: "initialized", params: {} });
send({ method: "workspace/didChangeConfiguration", params: { settings: SETTINGS } });
send({ method: "textDocument/didOpen", params: { textDocument: { uri, languageId: "yaml", version: 1, text } } });
const found = await diagnostics;
const completion = await ask("textDocument/completion", { textDocument: { uri }, position });
const hover = await ask("textDocument/hover", { textDocument: { uri }, position });
const items = completion?.items ?? completion ?? [];
console.log(JSON.stringify({
  labels: items.map((item) => item.label),
  hover: hover?.contents?.value ?? "",
  diagnostics: found.map((one) => `${one.range.start.line + 1}: ${one.message}`),
}));
child.kill();
process.exit(0);
