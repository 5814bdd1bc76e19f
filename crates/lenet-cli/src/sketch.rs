//! What a network saw and how sure it is, in characters: readable without colour.

/// Columns and rows of an image.
const SIDE: usize = 28;
/// Rows of text above the bars, so that they stand beside the middle of the image.
const ABOVE: usize = 2;
/// The longest bar, in columns.
const BAR: f64 = 24.0;

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
    fn bars_are_true_to_half_a_column() {
        assert_eq!(bar(0.0), "");
        assert_eq!(bar(1.0 / 48.0), "▌");
        assert_eq!(bar(1.0).chars().count(), 24);
    }
}
