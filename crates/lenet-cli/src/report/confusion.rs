//! What was taken for what, and how well each class is told from the others.

use std::fmt::Write;

use lenet_train::Evaluation;

use super::html::{escape, figure, percent, scrolling, table};

/// The confusion matrix as a table: its numbers are all there is to know, the shade behind
/// each is its share of the row.
pub(super) fn matrix(evaluation: &Evaluation, classes: &[&str]) -> String {
    let head: String = classes
        .iter()
        .map(|class| format!("<th scope=\"col\">{}</th>", escape(class)))
        .collect();
    let mut rows = String::new();
    for (label, row) in evaluation.confusion.iter().enumerate() {
        let all: u64 = row.iter().sum();
        let _ = write!(
            rows,
            "<tr><th scope=\"row\">{}</th>",
            escape(name(classes, label))
        );
        for (said, count) in row.iter().enumerate() {
            let kind = match (said == label, count) {
                (true, _) => "hit",
                (false, 0) => "none",
                (false, _) => "miss",
            };
            // One mistake is to be seen among a thousand hits: the third root of the share.
            let share = (*count as f64 / all.max(1) as f64).cbrt();
            let _ = write!(
                rows,
                "<td class=\"{kind}\" style=\"--share:{share:.3}\">{count}</td>"
            );
        }
        rows += "</tr>\n";
    }
    let matrix = scrolling(&format!(
        "<table class=\"confusion\">\n<caption>Each row is what an image shows, each column what it \
         was taken for</caption>\n<thead><tr><td></td>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n\
         </table>"
    ));
    figure(
        &matrix,
        "Hits are framed, mistakes are underlined. The stronger a field's shade, the larger its \
         share of the row.",
    )
}

/// Precision and recall of each class.
pub(super) fn per_class(evaluation: &Evaluation, classes: &[&str]) -> String {
    let row = |class: &lenet_train::ClassReport| {
        vec![
            name(classes, class.class).to_owned(),
            percent(class.precision),
            percent(class.recall),
            class.samples.to_string(),
        ]
    };
    let rows: Vec<Vec<String>> = evaluation.per_class().iter().map(row).collect();
    table(
        "Precision: how many of those taken for a class are of it. Recall: how many of a class \
         were taken for it.",
        &["class", "precision", "recall", "samples"],
        &rows,
    )
}

/// What a label stands for.
pub(super) fn name<'a>(classes: &[&'a str], label: usize) -> &'a str {
    classes.get(label).copied().unwrap_or("?")
}

#[cfg(test)]
mod tests {
    use super::*;
    use lenet_train::Tally;

    #[test]
    fn every_count_is_there_as_a_number() {
        let evaluation = Evaluation {
            tally: Tally::default(),
            confusion: vec![vec![3, 1], vec![0, 0]],
        };
        let matrix = matrix(&evaluation, &["<0>", "1"]);
        for cell in [
            "<th scope=\"col\">&lt;0&gt;</th>",
            "<td class=\"hit\" style=\"--share:0.909\">3</td>",
            "<td class=\"miss\" style=\"--share:0.630\">1</td>",
            "<td class=\"none\" style=\"--share:0.000\">0</td>",
            "<td class=\"hit\" style=\"--share:0.000\">0</td>",
        ] {
            assert!(matrix.contains(cell), "{cell} in {matrix}");
        }
        let per_class = per_class(&evaluation, &["<0>", "1"]);
        let first =
            "<tr><th scope=\"row\">&lt;0&gt;</th><td>100.00 %</td><td>75.00 %</td><td>4</td></tr>";
        let none = "<tr><th scope=\"row\">1</th><td>0.00 %</td><td>–</td><td>0</td></tr>";
        assert!(
            per_class.contains(first) && per_class.contains(none),
            "{per_class}"
        );
    }
}
