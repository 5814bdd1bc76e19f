//! Rust source as the rules see it: the code without what comments and strings
//! say, so that a rule may name what it forbids.

/// `source` with every comment, string and character blanked out by spaces, line
/// for line.
pub(super) fn code_of(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let skipped = comment_end(rest).or_else(|| literal_end(rest));
        let (token, after) = rest.split_at(skipped.unwrap_or(first.len_utf8()));
        for c in token.chars() {
            let keep = skipped.is_none() || c == '\n';
            code.push(if keep { c } else { ' ' });
        }
        rest = after;
    }
    code
}

/// Whether `word` stands in `line`, and not as a part of a longer name.
pub(super) fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of the comment at the start of `text`, if there is one.
fn comment_end(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    let mut at = text.starts_with("/*").then_some(2)?;
    let mut depth = 1;
    while depth > 0 {
        // The next mark, whichever it is; an unclosed comment ends with the file.
        let marks = [text[at..].find("/*"), text[at..].find("*/")];
        let Some(next) = marks.into_iter().flatten().min() else {
            return Some(text.len());
        };
        let opens = text[at + next..].starts_with("/*");
        depth = if opens { depth + 1 } else { depth - 1 };
        at += next + 2;
    }
    Some(at)
}

/// The length of the string or character at the start of `text`, if it is one.
fn literal_end(text: &str) -> Option<usize> {
    let prefix = ["br", "cr", "r", "b", "c", ""]
        .into_iter()
        .find(|prefix| text.starts_with(prefix))?;
    let body = &text[prefix.len()..];
    let hashes = body.len() - body.trim_start_matches('#').len();
    let length = match body[hashes..].chars().next()? {
        '"' if prefix.ends_with('r') => {
            let close = format!("\"{}", "#".repeat(hashes));
            let from = hashes + 1;
            from + body[from..].find(&close)? + close.len()
        }
        '"' if hashes == 0 => quoted_end(body, '"')?,
        // A lifetime has no closing quote behind its first character.
        '\'' if hashes == 0 => {
            let mut inside = body[1..].chars();
            let escaped = inside.next()? == '\\';
            (escaped || inside.next()? == '\'').then(|| quoted_end(body, '\''))??
        }
        _ => return None,
    };
    Some(prefix.len() + length)
}

/// Where the text in quotes ends, behind its closing quote.
fn quoted_end(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn leaves(source: &str, expected: &str) {
        let code = code_of(source);
        assert_eq!(code.lines().count(), source.lines().count(), "{code:?}");
        let words: Vec<&str> = code.split_whitespace().collect();
        assert_eq!(words.join(" "), expected, "{code:?}");
    }

    #[test]
    fn comments_are_blanked() {
        leaves("a // todo\nb", "a b");
        leaves("a /* x /* y */ \n z */ b", "a b");
        leaves("a /*/ x */ b", "a b");
        leaves("a / b", "a / b");
    }

    #[test]
    fn strings_are_blanked() {
        leaves(r#"a("x \" // y") b"#, "a( ) b");
        leaves("a(r#\"x \" y\"#, br\"\\\", b\"z\\\\\") b", "a( , , ) b");
        leaves("let for_r = \"x\"; y", "let for_r = ; y");
    }

    #[test]
    fn characters_are_blanked_and_lifetimes_kept() {
        leaves(r#"a('x', '\'', '\u{1F}', b'\\', '"') b"#, "a( , , , , ) b");
        leaves(
            "fn f<'a>(x: &'a str) -> &'a str",
            "fn f<'a>(x: &'a str) -> &'a str",
        );
    }

    #[test]
    fn raw_names_are_no_strings() {
        leaves("r#type + \"x\" y", "r#type + y");
    }

    #[test]
    fn a_word_is_not_part_of_a_longer_one() {
        assert!(has_word("    unsafe {", "unsafe"));
        assert!(!has_word("#![forbid(unsafe_code)]", "unsafe"));
        assert!(has_word("std::println!(", "println!"));
        assert!(!has_word("eprintln!(", "println!"));
    }
}
