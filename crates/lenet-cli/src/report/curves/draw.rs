//! Lines drawn by plotters: axes, marks and a legend.

use std::ops::Range;

use plotters::coord::CoordTranslate;
use plotters::element::{DashedPathElement, PointElement, TriangleMarker};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{COLORS, Line, Mark, Measure};
use crate::chart::BRIGHT;

/// The plot's size. The page shows it at about half of that, so that a point of a line is
/// true to half a pixel.
const SIZE: (u32, u32) = (1200, 720);
/// A line of the legend above it.
const LEGEND: u32 = 54;
/// Entries in a line of the legend.
const COLUMNS: usize = 2;
/// What text is set in.
const FONT: (&str, f64) = ("sans-serif", 42.0);
/// Marks on a line at most: they tell lines apart, also where epochs are many.
const MARKS: usize = 20;

type Area<'a, C> = DrawingArea<SVGBackend<'a>, C>;

/// The size of the whole picture.
pub(super) fn size(lines: &[Line]) -> (u32, u32) {
    let entries = lines.iter().filter(|line| line.listed).count();
    let rows = entries.div_ceil(COLUMNS) as u32;
    (SIZE.0, SIZE.1 + rows * LEGEND)
}

/// Draws the legend and, below it, the lines within their axes.
pub(super) fn draw(
    measure: Measure,
    lines: &[Line],
    backend: SVGBackend<'_>,
) -> anyhow::Result<()> {
    let root = backend.into_drawing_area();
    let height = root.dim_in_pixel().1.saturating_sub(SIZE.1);
    let (legend, plot) = root.split_vertically(height);
    let listed = lines.iter().filter(|line| line.listed).enumerate();
    for (entry, line) in listed {
        let x = 40 + (entry % COLUMNS) as i32 * (SIZE.0 as i32 - 40) / COLUMNS as i32;
        let y = (LEGEND / 2) as i32 + (entry / COLUMNS) as i32 * LEGEND as i32;
        stroke(&legend, vec![(x, y), (x + 70, y)], line)?;
        mark(&legend, (x + 35, y), line)?;
        let style = FONT
            .into_text_style(&legend)
            .pos(Pos::new(HPos::Left, VPos::Center));
        legend.draw(&Text::new(line.label.clone(), (x + 84, y), style))?;
    }
    let (epochs, values) = (epochs(lines), values(measure, lines));
    let within = epochs.clone();
    let mut chart = ChartBuilder::on(&plot)
        .margin(16)
        .margin_right(30)
        .x_label_area_size(105)
        .y_label_area_size(165)
        .build_cartesian_2d(epochs.clone(), values.clone())?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BRIGHT[COLORS].mix(0.5))
        .label_style(FONT)
        .x_desc("epoch")
        .x_labels(10)
        .y_labels(6)
        .x_label_formatter(&|epoch| {
            // One epoch alone stands in the middle, between two that are none.
            let alone = within.end - within.start == 2 && within.start == 0;
            let shown = !alone || *epoch == 1;
            if shown {
                epoch.to_string()
            } else {
                String::new()
            }
        })
        .y_label_formatter(&|value| measure.text(*value))
        .draw()?;
    let area = chart.plotting_area();
    for line in lines {
        if let (Some(chosen), true) = (line.chosen, line.alone) {
            let upright = vec![(chosen, values.start), (chosen, values.end)];
            let style = BLACK.mix(0.6).stroke_width(2);
            area.draw(&DashedPathElement::new(upright, 3, 9, style))?;
        }
        stroke(area, line.points.clone(), line)?;
        let every = line.points.len().div_ceil(MARKS).max(1);
        let last = line.points.len() - 1;
        for (i, point) in line.points.iter().enumerate() {
            if i % every == 0 || i == last {
                mark(area, *point, line)?;
            }
        }
        let chosen = line
            .points
            .iter()
            .find(|(epoch, _)| Some(*epoch) == line.chosen);
        if let Some(point) = chosen {
            area.draw(&Circle::new(*point, 17, BLACK.stroke_width(4)))?;
        }
    }
    root.present()?;
    Ok(())
}

fn stroke<C>(area: &Area<'_, C>, points: Vec<C::From>, line: &Line) -> anyhow::Result<()>
where
    C: CoordTranslate,
    C::From: Clone,
{
    let style = line.color.stroke_width(5);
    if line.dashed {
        area.draw(&DashedPathElement::new(points, 16, 11, style))?;
    } else {
        area.draw(&PathElement::new(points, style))?;
    }
    Ok(())
}

fn mark<C>(area: &Area<'_, C>, at: C::From, line: &Line) -> anyhow::Result<()>
where
    C: CoordTranslate,
    C::From: Clone,
{
    let filled = line.color.filled();
    match line.mark {
        Mark::Circle => area.draw(&Circle::new(at, 9, filled))?,
        Mark::Triangle => area.draw(&TriangleMarker::make_point(at, 13, filled))?,
        Mark::Square => {
            let square = Rectangle::new([(-8, -8), (9, 9)], filled);
            area.draw(&(EmptyElement::at(at) + square))?;
        }
        Mark::Cross => area.draw(&Cross::new(at, 9, line.color.stroke_width(5)))?,
    }
    Ok(())
}

/// From the first epoch to the last.
fn epochs(lines: &[Line]) -> Range<u64> {
    let all = || {
        lines
            .iter()
            .flat_map(|line| &line.points)
            .map(|(epoch, _)| *epoch)
    };
    match (all().min(), all().max()) {
        (Some(first), Some(last)) if first < last => first..last,
        _ => 0..2,
    }
}

/// What the axis shows of the values: losses and rates from 0, accuracies up to 100 %.
fn values(measure: Measure, lines: &[Line]) -> Range<f64> {
    let all = || {
        let points = lines.iter().flat_map(|line| &line.points);
        points.map(|(_, value)| *value)
    };
    let high = all().fold(f64::NEG_INFINITY, f64::max);
    let low = all().fold(f64::INFINITY, f64::min);
    if low > high {
        return 0.0..1.0;
    }
    let (low, high) = match measure {
        Measure::Accuracy => ((low - 1.0).floor(), high.max(100.0)),
        Measure::Loss | Measure::LearningRate => {
            (low.min(0.0), high + 0.05 * (high - low.min(0.0)))
        }
    };
    low..if high > low { high } else { low + 1.0 }
}
