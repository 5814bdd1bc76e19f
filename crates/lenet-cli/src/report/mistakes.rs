//! The worst mistakes as pictures, with what was said and how surely.

use lenet_data::Split;
use lenet_train::Mistake;

use super::SIDE;
use super::confusion::name;
use super::html::{escape, paragraph, percent};
use super::pixels::Sheet;

/// Each mistake's picture above its caption, the worst first.
pub(super) fn gallery(
    mistakes: &[Mistake],
    test: &Split,
    classes: &[&str],
) -> anyhow::Result<String> {
    if mistakes.is_empty() {
        return Ok(paragraph("There are none: every test image is read right."));
    }
    let picture = |mistake: &Mistake| -> anyhow::Result<String> {
        let pixels = test.image(mistake.index);
        let is = name(classes, mistake.label);
        let said = name(classes, mistake.prediction);
        let surely = percent(Some(mistake.probability));
        let alt = format!("test image {}: {is}", mistake.index);
        let img = Sheet::single(pixels, SIDE).img(3, &alt)?;
        let [is, said, surely] = [is, said, &surely].map(escape);
        Ok(format!(
            "<li><figure>\n{img}\n<figcaption><b>{is}</b>, read as <b>{said}</b><br>{surely} sure\
             <br>image {}</figcaption>\n</figure></li>\n",
            mistake.index
        ))
    };
    let pictures: Vec<String> = mistakes
        .iter()
        .map(picture)
        .collect::<anyhow::Result<_>>()?;
    Ok(format!(
        "<ol class=\"pictures\">\n{}</ol>\n",
        pictures.concat()
    ))
}
