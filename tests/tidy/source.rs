//! Rust source as far as the house rules need to read it.

use std::{collections::BTreeSet, fs, path::Path};

/// One file of the project.
pub(crate) struct Source {
    /// From the root of the project, with `/`.
    pub(crate) path: String,
    /// As it is written.
    pub(crate) text: String,
    /// The same, with comments and the insides of literals blanked, line for line.
    pub(crate) code: String,
}

impl Source {
    pub(crate) fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { path: path.into(), code: blanked(&text), text }
    }

    /// It holds tests and nothing else.
    pub(crate) fn is_test(&self) -> bool {
        let mut parts = self.path.split('/');
        parts.any(|part| part == "tests" || part == "tests.rs")
    }

    /// The code without the modules that are compiled for tests alone.
    pub(crate) fn shipped(&self) -> String {
        let mut code = self.code.clone();
        while let Some(start) = code.find("#[cfg(test)]") {
            let rest = &code[start..];
            let opens = rest.find('{').unwrap_or(rest.len());
            let ends = rest.find(';').filter(|&at| at < opens).unwrap_or_else(|| closing(rest, opens));
            let blank: String = rest[..ends].chars().map(|char| if char == '\n' { '\n' } else { ' ' }).collect();
            code.replace_range(start..start + ends, &blank);
        }
        code
    }

    /// The modules that this file declares.
    pub(crate) fn modules(&self) -> Vec<String> {
        let words = words(&self.code);
        let declared = words.windows(3).filter(|window| window[0].text == "mod" && window[2].text == ";");
        declared.map(|window| window[1].text.to_owned()).collect()
    }

    /// The first two segments of every path in shipped code: `crate::merge`, `std::fs`; the second is empty where
    /// there is none. What the file declares as its own module is not among them.
    pub(crate) fn paths(&self) -> BTreeSet<(String, String)> {
        let own = self.modules();
        let code = self.shipped();
        let words = words(&code);
        let at = |index: usize| words.get(index).map_or("", |word| word.text);
        let mut paths = BTreeSet::new();
        let mut index = 0;
        while let Some(word) = words.get(index) {
            let before = index.checked_sub(1).map_or("", at);
            let starts = before != "::" && word.is_name() && !own.iter().any(|module| module == word.text);
            let mut add = |second: &str| paths.insert((word.text.to_owned(), second.to_owned()));
            index += 1;
            if starts && before == "use" && [";", "as"].contains(&at(index)) {
                add("");
            } else if starts && at(index) == "::" && at(index + 1) == "{" {
                let (firsts, length) = group(&words[index + 2..]);
                for second in firsts {
                    add(second);
                }
                index += 2 + length;
            } else if starts && at(index) == "::" {
                add(at(index + 1));
            }
        }
        paths
    }
}

/// Every file with one of these endings, without what was built and what is not ours.
pub(crate) fn files(root: &Path, endings: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && !["target", ".git", "node_modules", "hymnal-state"].contains(&name.as_str()) {
                folders.push(path);
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.extend(read(root, &path));
            }
        }
    }
    found.sort_by(|left, right| left.path.cmp(&right.path));
    found
}

fn read(root: &Path, path: &Path) -> Option<Source> {
    let text = fs::read_to_string(path).ok()?;
    let path = path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/");
    Some(Source::new(path, text))
}

/// A word or sign of code.
struct Word<'a> {
    text: &'a str,
}

impl Word<'_> {
    fn is_name(&self) -> bool {
        self.text.starts_with(|first: char| first.is_alphabetic() || first == '_')
    }
}

fn words(code: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let in_name = |char: char| char.is_alphanumeric() || char == '_';
        let end = match first {
            _ if in_name(first) => rest.find(|char| !in_name(char)).unwrap_or(rest.len()),
            ':' if rest.starts_with("::") => 2,
            _ => first.len_utf8(),
        };
        words.push(Word { text: &rest[..end] });
        rest = rest[end..].trim_start();
    }
    words
}

/// The first segments in a group `{a, b::c, d::{e, f}}`, from behind its brace, and how many words it has.
fn group<'a>(words: &[Word<'a>]) -> (Vec<&'a str>, usize) {
    let mut firsts = Vec::new();
    let mut depth = 0;
    let mut starts = true;
    for (length, word) in words.iter().enumerate() {
        match word.text {
            "{" => depth += 1,
            "}" if depth == 0 => return (firsts, length),
            "}" => depth -= 1,
            "," if depth == 0 => starts = true,
            name if depth == 0 && starts => {
                firsts.push(name);
                starts = false;
            }
            _ => {}
        }
    }
    (firsts, words.len())
}

/// Where the brace that opens at `opens` is closed.
fn closing(code: &str, opens: usize) -> usize {
    let mut depth = 0;
    for (at, char) in code.char_indices().skip_while(|&(at, _)| at < opens) {
        match char {
            '{' => depth += 1,
            '}' if depth == 1 => return at + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

/// Source with comments and the insides of literals blanked, so that a brace or a name in them means nothing.
fn blanked(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after_name = code.ends_with(|last: char| last.is_alphanumeric() || last == '_');
        let (taken, kept) = match first {
            '/' if rest.starts_with("//") => (rest.find('\n').unwrap_or(rest.len()), 0),
            '/' if rest.starts_with("/*") => (block_comment(rest), 0),
            '"' => (quoted(rest, 1), 1),
            'r' if !after_name && raw(rest).is_some() => (raw(rest).unwrap_or(1), 1),
            '\'' => match char_literal(rest) {
                Some(end) => (end, 1),
                None => (1, 1),
            },
            _ => (first.len_utf8(), first.len_utf8()),
        };
        code.push_str(&rest[..kept]);
        code.extend(rest[kept..taken].chars().map(|char| if char == '\n' { '\n' } else { ' ' }));
        rest = &rest[taken..];
    }
    code
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn quoted(rest: &str, start: usize) -> usize {
    let mut escaped = false;
    for (at, char) in rest.char_indices().skip_while(|&(at, _)| at < start) {
        match char {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The end of `r"…"` or `r#"…"#`.
fn raw(rest: &str) -> Option<usize> {
    let fence = rest[1..].chars().take_while(|&char| char == '#').count();
    let inside = rest[1 + fence..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(fence));
    Some(inside.find(&close).map_or(rest.len(), |at| 2 + fence + at + close.len()))
}

/// The end of `'a'` or `'\n'`; `None` for a lifetime.
fn char_literal(rest: &str) -> Option<usize> {
    let mut chars = rest.char_indices().skip(1);
    let (_, first) = chars.next()?;
    if first == '\\' {
        return rest[3..].find('\'').map(|at| 3 + at + 1);
    }
    chars.next().filter(|&(_, char)| char == '\'').map(|(at, _)| at + 1)
}

#[test]
fn comments_and_literals_mean_nothing() {
    let text = "a /* x /* y */ z */ b // c\n\"d \\\" {\" 'e' '\\'' 'f r#\"g \" h\"# i";
    let words: Vec<String> = words(&blanked(text)).into_iter().map(|word| word.text.to_owned()).collect();
    assert_eq!(words, ["a", "b", "\"", "'", "'", "'", "f", "r", "i"]);
}

#[test]
fn paths_are_read_through_groups_and_past_tests() {
    let source = Source::new(
        "src/a.rs",
        "use crate::{merge::{Side, x}, store};\nuse std::{fs, io::Read};\nmod sled;\npub use sled::Db;\nuse tokio;\n\
         fn f() { reqwest::get(a::b::c) }\n#[cfg(test)]\nmod tests { use clap::Parser; fn g() {} }\nuse toml::de;\n\
         #[cfg(test)]\nmod more;\nuse axum as web;",
    );
    let paths: Vec<String> = source.paths().into_iter().map(|(first, second)| format!("{first}::{second}")).collect();
    let expected =
        ["a::b", "axum::", "crate::merge", "crate::store", "reqwest::get", "std::fs", "std::io", "tokio::", "toml::de"];
    assert_eq!(paths, expected);
}
