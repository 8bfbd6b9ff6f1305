//! Names of months and days.

pub(super) const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
pub(super) const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// How a language names them.
pub(super) struct Names {
    language: &'static str,
    months: [&'static str; 12],
    short_months: [&'static str; 12],
    days: [&'static str; 7],
    short_days: [&'static str; 7],
    pub halves: [&'static str; 2],
}

pub(super) const ENGLISH: Names = Names {
    language: "en",
    months: MONTHS,
    short_months: ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
    days: DAYS,
    short_days: ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
    halves: ["AM", "PM"],
};

const OTHERS: [Names; 6] = [
    Names {
        language: "fr",
        months: ["janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"],
        short_months: ["janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."],
        days: ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"],
        short_days: ["lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim."],
        halves: ["AM", "PM"],
    },
    Names {
        language: "de",
        months: ["Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"],
        short_months: ["Jan.", "Feb.", "März", "Apr.", "Mai", "Juni", "Juli", "Aug.", "Sept.", "Okt.", "Nov.", "Dez."],
        days: ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"],
        short_days: ["Mo.", "Di.", "Mi.", "Do.", "Fr.", "Sa.", "So."],
        halves: ["AM", "PM"],
    },
    Names {
        language: "es",
        months: [
            "enero",
            "febrero",
            "marzo",
            "abril",
            "mayo",
            "junio",
            "julio",
            "agosto",
            "septiembre",
            "octubre",
            "noviembre",
            "diciembre",
        ],
        short_months: ["ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sept", "oct", "nov", "dic"],
        days: ["lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"],
        short_days: ["lun", "mar", "mié", "jue", "vie", "sáb", "dom"],
        halves: ["a. m.", "p. m."],
    },
    Names {
        language: "it",
        months: [
            "gennaio",
            "febbraio",
            "marzo",
            "aprile",
            "maggio",
            "giugno",
            "luglio",
            "agosto",
            "settembre",
            "ottobre",
            "novembre",
            "dicembre",
        ],
        short_months: ["gen", "feb", "mar", "apr", "mag", "giu", "lug", "ago", "set", "ott", "nov", "dic"],
        days: ["lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato", "domenica"],
        short_days: ["lun", "mar", "mer", "gio", "ven", "sab", "dom"],
        halves: ["AM", "PM"],
    },
    Names {
        language: "pt",
        months: [
            "janeiro",
            "fevereiro",
            "março",
            "abril",
            "maio",
            "junho",
            "julho",
            "agosto",
            "setembro",
            "outubro",
            "novembro",
            "dezembro",
        ],
        short_months: ["jan.", "fev.", "mar.", "abr.", "mai.", "jun.", "jul.", "ago.", "set.", "out.", "nov.", "dez."],
        days: ["segunda-feira", "terça-feira", "quarta-feira", "quinta-feira", "sexta-feira", "sábado", "domingo"],
        short_days: ["seg.", "ter.", "qua.", "qui.", "sex.", "sáb.", "dom."],
        halves: ["AM", "PM"],
    },
    Names {
        language: "nl",
        months: [
            "januari",
            "februari",
            "maart",
            "april",
            "mei",
            "juni",
            "juli",
            "augustus",
            "september",
            "oktober",
            "november",
            "december",
        ],
        short_months: ["jan.", "feb.", "mrt.", "apr.", "mei", "jun.", "jul.", "aug.", "sep.", "okt.", "nov.", "dec."],
        days: ["maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag"],
        short_days: ["ma", "di", "wo", "do", "vr", "za", "zo"],
        halves: ["a.m.", "p.m."],
    },
];

impl Names {
    /// By a tag such as `fr`, `fr-CA` or `de_DE`.
    pub fn of(tag: Option<&str>) -> Option<&'static Self> {
        let language = tag.unwrap_or_default().split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        if matches!(language.as_str(), "" | "en" | "root") {
            return Some(&ENGLISH);
        }
        OTHERS.iter().find(|names| names.language == language)
    }

    pub fn is_english(&self) -> bool {
        self.language == ENGLISH.language
    }

    /// All languages, for messages.
    pub fn languages() -> String {
        std::iter::once(&ENGLISH).chain(&OTHERS).map(|names| names.language).collect::<Vec<_>>().join(", ")
    }

    /// A month from 0, with as many letters as a pattern has.
    pub fn month(&self, month: usize, count: usize) -> String {
        sized(self.months[month % 12], self.short_months[month % 12], count)
    }

    /// A day of the week from 0, which is Monday.
    pub fn day(&self, day: usize, count: usize) -> String {
        sized(self.days[day % 7], self.short_days[day % 7], count)
    }
}

fn sized(long: &str, short: &str, count: usize) -> String {
    match count {
        4 => long.to_owned(),
        5 => long.chars().take(1).flat_map(char::to_uppercase).collect(),
        _ => short.to_owned(),
    }
}

/// The name whose long or short form starts `text` (longest first), as a number from 1, and its length.
pub(super) fn find(names: &[&str], text: &str) -> Option<(i8, usize)> {
    let starts = |name: &str| text.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    let number = |index: usize| i8::try_from(index + 1).ok();
    if let Some(index) = names.iter().position(|name| starts(name)) {
        return Some((number(index)?, names[index].len()));
    }
    let index = names.iter().position(|name| starts(&name[..3]))?;
    Some((number(index)?, 3))
}
