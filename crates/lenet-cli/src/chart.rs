//! A range test's curve as a picture: an SVG, or a few lines of text.

use anyhow::{Context, anyhow};
use lenet_train::LrCurve;
use plotters::prelude::*;

/// Columns and rows of the text's field.
const COLUMNS: usize = 60;
const ROWS: usize = 10;
/// The SVG's size in pixels.
const SIZE: (u32, u32) = (800, 500);
/// Paul Tol's "bright" scheme, which differs for everyone: blue, red, green, yellow, cyan,
/// purple, grey.
pub(crate) const BRIGHT: [RGBColor; 7] = [
    RGBColor(0x44, 0x77, 0xAA),
    RGBColor(0xEE, 0x66, 0x77),
    RGBColor(0x22, 0x88, 0x33),
    RGBColor(0xCC, 0xBB, 0x44),
    RGBColor(0x66, 0xCC, 0xEE),
    RGBColor(0xAA, 0x33, 0x77),
    RGBColor(0xBB, 0xBB, 0xBB),
];
const BLUE: RGBColor = BRIGHT[0];
const RED: RGBColor = BRIGHT[1];
const GREY: RGBColor = BRIGHT[6];

/// The losses and their average over the rate, and a line where the suggestion is. What is
/// above the picture runs along its upper edge.
pub(crate) fn svg(curve: &LrCurve) -> anyhow::Result<String> {
    let mut text = String::new();
    draw(curve, SVGBackend::with_string(&mut text, SIZE)).context("the chart cannot be drawn")?;
    Ok(text)
}

fn draw(curve: &LrCurve, backend: SVGBackend<'_>) -> anyhow::Result<()> {
    let ([first, .., last], Some((low, high))) = (&curve.rates[..], extent(&curve.losses)) else {
        return Err(anyhow!("it takes two steps at least"));
    };
    let root = backend.into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .margin(15)
        .x_label_area_size(45)
        .y_label_area_size(60)
        .build_cartesian_2d((*first..*last).log_scale(), low..high)?;
    chart
        .configure_mesh()
        .x_desc("learning rate")
        .y_desc("loss")
        .x_label_formatter(&|rate| format!("{rate:.0e}"))
        .y_label_formatter(&|loss| format!("{loss:.2}"))
        .draw()?;
    let over = |values: &[f64]| -> Vec<(f64, f64)> {
        let points = curve.rates.iter().zip(values);
        points
            .map(|(&rate, &value)| (rate, value.min(high)))
            .collect()
    };
    chart
        .draw_series(LineSeries::new(over(&curve.losses), GREY))?
        .label("loss")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 20, y)], GREY));
    chart
        .draw_series(LineSeries::new(over(&curve.smoothed), BLUE.stroke_width(2)))?
        .label("smoothed")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 20, y)], BLUE));
    if let Some(rate) = curve.suggestion {
        chart
            .draw_series(LineSeries::new([(rate, low), (rate, high)], RED))?
            .label(format!("suggestion {rate:.2e}"))
            .legend(|(x, y)| PathElement::new([(x, y), (x + 20, y)], RED));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerLeft)
        .background_style(WHITE)
        .border_style(GREY)
        .draw()?;
    root.present()?;
    Ok(())
}

/// The smoothed losses over the rate, with a `^` under the suggestion.
pub(crate) fn text(curve: &LrCurve) -> String {
    let ([first, .., last], Some((low, high))) = (&curve.rates[..], extent(&curve.smoothed)) else {
        return String::new();
    };
    let steps = curve.rates.len();
    // The rates are evenly spaced by their logarithm.
    let column = |step: usize| step * (COLUMNS - 1) / (steps - 1);
    let mut field = [[' '; COLUMNS]; ROWS];
    for (step, loss) in curve.smoothed.iter().enumerate() {
        let height = (loss.min(high) - low) / (high - low);
        let row = ((1.0 - height) * (ROWS - 1) as f64).round() as usize;
        field[row.min(ROWS - 1)][column(step)] = '*';
    }
    let mut lines = Vec::new();
    for (number, row) in field.iter().enumerate() {
        let label = match number {
            0 => format!("{high:.3}"),
            _ if number == ROWS - 1 => format!("{low:.3}"),
            _ => String::new(),
        };
        let row: String = row.iter().collect();
        lines.push(format!("{label:>8} |{row}").trim_end().to_owned());
    }
    let at = |rate: &f64| curve.suggestion == Some(*rate);
    let mark = curve.rates.iter().position(at);
    let axis: String = (0..COLUMNS)
        .map(|x| {
            if mark.map(column) == Some(x) {
                '^'
            } else {
                '-'
            }
        })
        .collect();
    lines.push(format!("{:8} +{axis}", "loss"));
    let (first, last) = (format!("{first:.1e}"), format!("{last:.1e}"));
    let between = COLUMNS - last.len();
    lines.push(format!("{:10}{first:<between$}{last}", ""));
    lines.join("\n")
}

/// What a chart shows of the values: all down to the lowest, and a quarter more above. The
/// explosion that ends a test would leave nothing to see of the rest.
fn extent(values: &[f64]) -> Option<(f64, f64)> {
    let (lowest, &low) = values
        .iter()
        .enumerate()
        .min_by(|(_, a), (_, b)| a.total_cmp(b))?;
    let highest = |values: &[f64]| values.iter().copied().fold(low, f64::max);
    let before = highest(&values[..=lowest]);
    let high = if before > low {
        highest(values).min(low + 1.25 * (before - low))
    } else {
        highest(values)
    };
    Some((low, high.max(low + 1e-6 * low.abs().max(1.0))))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Down in a line, and up again from the middle.
    fn curve(steps: usize, suggestion: Option<usize>) -> LrCurve {
        let half = steps as f64 / 2.0;
        let rates: Vec<f64> = (0..steps).map(|i| 1e-6 * 1.1f64.powf(i as f64)).collect();
        let losses: Vec<f64> = (0..steps).map(|i| 1.0 + (i as f64 - half).abs()).collect();
        LrCurve {
            suggestion: suggestion.map(|i| rates[i]),
            smoothed: losses.clone(),
            rates,
            losses,
        }
    }

    #[test]
    fn the_text_shows_the_curve_the_ends_and_the_suggestion() {
        let text = text(&curve(100, Some(25)));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), ROWS + 2, "{text}");
        assert!(lines[0].starts_with("  51.000 |*"), "{text}");
        assert!(lines[ROWS - 1].starts_with("   1.000 |"), "{text}");
        // The lowest loss is in the middle of the lowest row.
        let lowest = lines[ROWS - 1].find('*').unwrap() - 10;
        assert!(
            (COLUMNS / 2 - 4..COLUMNS / 2 + 1).contains(&lowest),
            "{text}"
        );
        assert_eq!(lines[ROWS].find('^'), Some(10 + 25 * (COLUMNS - 1) / 99));
        assert!(
            lines[ROWS + 1].trim_start().starts_with("1.0e-6 "),
            "{text}"
        );
        assert!(
            lines.iter().all(|line| line.len() <= 10 + COLUMNS),
            "{text}"
        );
    }

    #[test]
    fn the_svg_has_both_lines_and_the_suggestion_where_there_is_one() {
        let lines = |svg: &str| svg.matches("<polyline fill=\"none\"").count();
        let with = svg(&curve(100, Some(25))).unwrap();
        assert!(with.starts_with("<svg ") && with.trim_end().ends_with("</svg>"));
        assert!(with.contains("suggestion 1.08e-5") && with.contains("learning rate"));
        let without = svg(&curve(100, None)).unwrap();
        assert!(!without.contains("suggestion"));
        // The line, and its sign in the legend.
        assert_eq!(lines(&with), lines(&without) + 2);
    }

    #[test]
    fn an_explosion_leaves_the_rest_to_see() {
        assert_eq!(extent(&[3.0, 1.0, 2.0, 1e9]), Some((1.0, 3.5)));
        assert_eq!(extent(&[3.0, 1.0, 2.0]), Some((1.0, 3.0)));
        assert_eq!(extent(&[1.0, 2.0, 9.0]), Some((1.0, 9.0)));
        let mut exploded = curve(100, Some(25));
        exploded.smoothed[99] = 1e9;
        assert!(text(&exploded).starts_with("  63.500 |"));
    }

    #[test]
    fn a_curve_of_a_single_step_or_of_one_height_does_no_harm() {
        assert_eq!(text(&LrCurve::default()), "");
        assert_eq!(text(&curve(1, None)), "");
        assert!(
            svg(&curve(1, None))
                .unwrap_err()
                .to_string()
                .contains("chart")
        );
        let mut flat = curve(9, None);
        flat.losses = vec![2.0; 9];
        flat.smoothed = flat.losses.clone();
        assert_eq!(text(&flat).lines().count(), ROWS + 2);
        assert!(svg(&flat).unwrap().contains("<polyline"));
    }
}
