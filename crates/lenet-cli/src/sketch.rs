//! Images, and how sure a network is, in characters: readable without colour.

/// Columns and rows of an image.
const SIDE: usize = 28;
/// Rows of text above the bars, so that they stand beside the middle of the image.
const ABOVE: usize = 2;
/// The longest bar, in columns.
const BAR: f64 = 24.0;
/// Blank columns between images side by side.
const GAP: usize = 3;

/// An image of 28×28 in half blocks, two pixels to a character, and beside it a bar for
/// each digit's probability: 14 lines, none longer than 80 columns.
pub(crate) fn seen(pixels: &[u8], probabilities: &[f64]) -> String {
    let lines = half_blocks(pixels).into_iter().enumerate();
    let lines = lines.map(|(row, image)| {
        let digit = row.checked_sub(ABOVE).filter(|&d| d < probabilities.len());
        let bar = digit.map_or_else(String::new, |digit| {
            let p = probabilities[digit];
            format!("   {digit} {} {:.1} %", bar(p), 100.0 * p)
        });
        format!("  |{image}|{bar}")
    });
    lines.collect::<Vec<String>>().join("\n")
}

/// Images of 28×28 in half blocks with the lines below each, as many side by side as
/// there are `columns` for. Margins that are blank in all of them are left out.
pub(crate) fn sheet(images: &[(&[u8], Vec<String>)], columns: usize) -> String {
    let blocks: Vec<Vec<Vec<char>>> = images
        .iter()
        .map(|(pixels, _)| {
            let lines = half_blocks(pixels).into_iter();
            lines.map(|line| line.chars().collect()).collect()
        })
        .collect();
    let is_ink = |row: usize, column: usize| blocks.iter().any(|lines| lines[row][column] != ' ');
    let inked = |rows: usize, columns: usize, is_ink: &dyn Fn(usize, usize) -> bool| {
        let used = |row: &usize| (0..columns).any(|column| is_ink(*row, column));
        let first = (0..rows).find(used).unwrap_or(0);
        let last = (0..rows).rev().find(used).unwrap_or(rows - 1);
        first..last + 1
    };
    let rows = inked(SIDE / 2, SIDE, &is_ink);
    let across = inked(SIDE, SIDE / 2, &|column, row| is_ink(row, column));
    let captions = images.iter().flat_map(|(_, below)| below);
    let widest = captions.map(|line| line.chars().count()).max();
    let width = across.len().max(widest.unwrap_or(0));
    let abreast = ((columns + GAP) / (width + GAP)).max(1);

    let cells: Vec<Vec<String>> = blocks
        .iter()
        .zip(images)
        .map(|(lines, (_, below))| {
            let lines = lines[rows.clone()].iter();
            let image = lines.map(|line| line[across.clone()].iter().collect());
            image.chain(below.iter().cloned()).collect()
        })
        .collect();
    let mut out = Vec::new();
    for cells in cells.chunks(abreast) {
        let height = cells.iter().map(Vec::len).max().unwrap_or(0);
        for at in 0..height {
            let line: Vec<String> = cells
                .iter()
                .map(|cell| format!("{:width$}", cell.get(at).map_or("", String::as_str)))
                .collect();
            out.push(line.join(&" ".repeat(GAP)).trim_end().to_owned());
        }
        out.push(String::new());
    }
    out.pop();
    out.join("\n")
}

/// Each pair of rows as one line. A pixel counts as ink from a quarter of white on: the
/// soft edges of thin strokes belong to what is seen.
fn half_blocks(pixels: &[u8]) -> Vec<String> {
    let pair = |rows: &[u8]| {
        let (upper, lower) = rows.split_at(SIDE);
        let pairs = upper.iter().zip(lower);
        let block = |(&upper, &lower): (&u8, &u8)| match (upper >= 64, lower >= 64) {
            (false, false) => ' ',
            (true, false) => '▀',
            (false, true) => '▄',
            (true, true) => '█',
        };
        pairs.map(block).collect()
    };
    pixels.chunks_exact(2 * SIDE).map(pair).collect()
}

/// A share of [`BAR`] columns, to half a column.
fn bar(share: f64) -> String {
    let halves = (2.0 * BAR * share).round() as usize;
    let mut bar = "█".repeat(halves / 2);
    if halves % 2 == 1 {
        bar.push('▌');
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_14_lines_of_28_columns_with_ten_bars() {
        let mut pixels = [0; 784];
        (pixels[0], pixels[SIDE + 1]) = (255, 255);
        (pixels[2], pixels[SIDE + 2], pixels[3]) = (64, 64, 63);
        let mut probabilities = [0.0; 10];
        (probabilities[3], probabilities[9]) = (0.7501, 0.2499);
        let seen = seen(&pixels, &probabilities);
        let lines: Vec<&str> = seen.lines().collect();
        assert_eq!(lines.len(), 14);
        assert_eq!(lines[0], format!("  |▀▄█{}|", " ".repeat(25)));
        let blank = " ".repeat(28);
        assert_eq!(lines[2], format!("  |{blank}|   0  0.0 %"));
        assert_eq!(
            lines[5],
            format!("  |{blank}|   3 {} 75.0 %", "█".repeat(18))
        );
        assert_eq!(
            lines[11],
            format!("  |{blank}|   9 {} 25.0 %", "█".repeat(6))
        );
        assert!(lines.iter().all(|line| line.chars().count() <= 80));
    }

    #[test]
    fn a_sheet_has_as_many_abreast_as_fit_and_no_common_margin() {
        let dot = |at: usize| {
            let mut pixels = vec![0; 784];
            pixels[at] = 255;
            pixels
        };
        // Ink in rows 4 and 5, a single line of text, and in columns 3 to 5.
        let images = [dot(4 * SIDE + 3), dot(5 * SIDE + 5), dot(4 * SIDE + 4)];
        let captions = ["a", "bb", "ccccc"];
        let images: Vec<(&[u8], Vec<String>)> = images
            .iter()
            .zip(captions)
            .map(|(pixels, below)| (&pixels[..], vec![below.to_owned()]))
            .collect();
        // Two of five columns and three between them.
        assert_eq!(sheet(&images, 13), "▀         ▄\na       bb\n\n ▀\nccccc");
        assert_eq!(sheet(&images, 21).lines().count(), 2);
        assert_eq!(sheet(&images, 1).lines().count(), 8);
        assert_eq!(sheet(&[], 80), "");
    }

    #[test]
    fn bars_are_true_to_half_a_column() {
        assert_eq!(bar(0.0), "");
        assert_eq!(bar(1.0 / 48.0), "▌");
        assert_eq!(bar(1.0).chars().count(), 24);
    }
}
