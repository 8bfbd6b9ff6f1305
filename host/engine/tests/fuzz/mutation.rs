//! Texts that are almost right.

/// Makes texts out of a corpus: pieces doubled, moved, cut out and mixed, and words of the language where they do not belong.
pub struct Mutation<'a> {
    state: u64,
    corpus: &'a [String],
    words: &'a [&'a str],
}

impl<'a> Mutation<'a> {
    pub fn new(seed: u64, corpus: &'a [String], words: &'a [&'a str]) -> Self {
        assert!(!corpus.is_empty());
        Self { state: seed, corpus, words }
    }

    /// `splitmix64`.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn place(&mut self, text: &str) -> usize {
        let mut place = self.below(text.len() + 1);
        while !text.is_char_boundary(place) {
            place -= 1;
        }
        place
    }

    fn piece(&mut self, text: &str) -> std::ops::Range<usize> {
        let from = self.place(text);
        let longest = 1 + self.below(40);
        let mut to = (from + longest).min(text.len());
        while !text.is_char_boundary(to) {
            to -= 1;
        }
        from..to.max(from)
    }

    pub fn text(&mut self) -> String {
        let first = self.below(self.corpus.len());
        let mut text = self.corpus[first].clone();
        for _ in 0..=self.below(6) {
            self.change(&mut text);
        }
        text
    }

    fn change(&mut self, text: &mut String) {
        let at = self.place(text);
        let piece = self.piece(text);
        match self.below(7) {
            0 => text.replace_range(piece, ""),
            1 => {
                let doubled = text[piece].to_owned();
                text.insert_str(at, &doubled);
            }
            2 => {
                let word = self.words[self.below(self.words.len())];
                text.insert_str(at, word);
            }
            3 => {
                let word = self.words[self.below(self.words.len())];
                text.replace_range(piece, word);
            }
            4 => {
                let other = self.below(self.corpus.len());
                let other = self.corpus[other].clone();
                let part = self.piece(&other);
                text.insert_str(at, &other[part]);
            }
            5 => {
                let character = char::from_u32(self.below(0x2500) as u32).unwrap_or('\u{0}');
                text.insert(at, character);
            }
            _ => text.truncate(at),
        }
    }
}

/// The text with every piece taken out that is not needed for it to break.
pub fn smaller(text: &str, breaks: impl Fn(&str) -> bool) -> String {
    let mut small: Vec<char> = text.chars().collect();
    let mut size = small.len() / 2;
    while size > 0 {
        let mut at = 0;
        while at + size <= small.len() {
            let without: Vec<char> = small[..at].iter().chain(&small[at + size..]).copied().collect();
            if breaks(&without.iter().collect::<String>()) { small = without } else { at += size }
        }
        size /= 2;
    }
    small.into_iter().collect()
}
