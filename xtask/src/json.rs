//! The one thing we read from cargo's JSON: the value of a string field. Cargo
//! writes it compactly, `"key":"value"`, one object a line.

/// The value of the first field `key` that is a string.
pub(crate) fn string_field(json: &str, key: &str) -> Option<String> {
    // Inside a string each quote is escaped, so this matches a field alone.
    let start = format!("\"{key}\":\"");
    let (_, rest) = json.split_once(&start)?;
    unescape(rest)
}

/// The text up to the closing quote, its escapes resolved.
fn unescape(text: &str) -> Option<String> {
    let mut chars = text.chars();
    let mut value = String::new();
    loop {
        match chars.next()? {
            '"' => return Some(value),
            '\\' => value.push(match chars.next()? {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                'b' => '\u{8}',
                'f' => '\u{c}',
                // Cargo escapes control characters alone this way: no surrogates.
                'u' => {
                    let digits: String = chars.by_ref().take(4).collect();
                    char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?
                }
                quoted => quoted,
            }),
            plain => value.push(plain),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::string_field;

    #[test]
    fn escapes_are_resolved() {
        let json = r#"{"path":"C:\\lenet \"x\"\u0041/é","n":1}"#;
        assert_eq!(
            string_field(json, "path").as_deref(),
            Some(r#"C:\lenet "x"A/é"#)
        );
    }

    #[test]
    fn a_missing_null_or_cut_field_is_none() {
        assert_eq!(string_field(r#"{"executable":null}"#, "executable"), None);
        assert_eq!(string_field("{}", "executable"), None);
        assert_eq!(string_field(r#"{"executable":"/targ"#, "executable"), None);
    }

    #[test]
    fn a_key_inside_a_string_is_no_field() {
        let json = r#"{"message":"\"executable\":\"no\"","executable":"yes"}"#;
        assert_eq!(string_field(json, "executable").as_deref(), Some("yes"));
    }
}
