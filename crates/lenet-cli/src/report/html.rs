//! Pieces of HTML. All that they are given is text, and is escaped here.

/// Text as it stands in HTML, between tags or in a quoted attribute.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            // No browser shows these, and HTML forbids them.
            c if c.is_control() && !"\n\t".contains(c) => escaped.push('\u{FFFD}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A paragraph.
pub(super) fn paragraph(text: &str) -> String {
    format!("<p>{}</p>\n", escape(text))
}

/// A part of the page, which `id` leads to; `body` is HTML.
pub(super) fn section(id: &str, heading: &str, body: &str) -> String {
    let heading = escape(heading);
    format!(
        "<section id=\"{id}\" aria-labelledby=\"{id}-heading\">\n\
         <h2 id=\"{id}-heading\">{heading}</h2>\n{body}</section>\n"
    )
}

/// A picture, which is HTML, above its caption.
pub(super) fn figure(picture: &str, caption: &str) -> String {
    let caption = escape(caption);
    format!("<figure>\n{picture}\n<figcaption>{caption}</figcaption>\n</figure>\n")
}

/// A table whose first column names the rows. It scrolls where the page is too narrow.
pub(super) fn table(caption: &str, head: &[&str], rows: &[Vec<String>]) -> String {
    let head: String = head
        .iter()
        .map(|cell| format!("<th scope=\"col\">{}</th>", escape(cell)))
        .collect();
    let row = |cells: &Vec<String>| -> String {
        let cells = cells.iter().enumerate().map(|(i, cell)| match i {
            0 => format!("<th scope=\"row\">{}</th>", escape(cell)),
            _ => format!("<td>{}</td>", escape(cell)),
        });
        format!("<tr>{}</tr>\n", cells.collect::<String>())
    };
    let rows: String = rows.iter().map(row).collect();
    scrolling(&format!(
        "<table>\n<caption>{}</caption>\n<thead><tr>{head}</tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table>",
        escape(caption)
    ))
}

/// What may be wider than the page; a keyboard reaches it, to scroll.
pub(super) fn scrolling(body: &str) -> String {
    format!("<div class=\"scroll\" tabindex=\"0\">\n{body}\n</div>\n")
}

/// What opens when it is asked for; `body` is HTML.
pub(super) fn details(summary: &str, body: &str) -> String {
    let summary = escape(summary);
    format!("<details>\n<summary>{summary}</summary>\n{body}</details>\n")
}

/// Lines as they were typed.
pub(super) fn code(lines: &str) -> String {
    let lines = escape(lines);
    format!("<pre tabindex=\"0\"><code>{lines}</code></pre>\n")
}

/// A share as a percentage, or a dash.
pub(super) fn percent(share: Option<f64>) -> String {
    share.map_or("–".to_owned(), |share| format!("{:.2} %", 100.0 * share))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(
            escape("<b class=\"a\">'Q' & A</b>"),
            "&lt;b class=&quot;a&quot;&gt;&#39;Q&#39; &amp; A&lt;/b&gt;"
        );
        assert_eq!(escape("&lt;"), "&amp;lt;");
        assert_eq!(
            escape("a\tb\n\u{1b}[0m\u{0}é"),
            "a\tb\n\u{FFFD}[0m\u{FFFD}é"
        );
        let evil = "</script><img src=x onerror=alert(1)>";
        for html in [
            paragraph(evil),
            section("a", evil, ""),
            figure("", evil),
            table(evil, &[evil], &[vec![evil.to_owned(), evil.to_owned()]]),
            details(evil, ""),
            code(evil),
        ] {
            assert!(!html.contains("<img") && html.contains("&lt;img"), "{html}");
        }
    }
}
