//! What a digit is written on: found, and taken away.

use super::ink::{otsu, patches};
use super::plane::{Plane, Window, border};

/// The longer side at which light and shade are looked at: coarse, so that noise is
/// gone and strokes are a few pixels.
const COARSE: usize = 32;

/// Half the window, at [`COARSE`], in which shade may not have both a rise and a fall:
/// wider than half the boldest stroke of a picture that the digit fills.
const STROKE: usize = 6;

/// Levels from the plane at which a pixel of the border counts half.
const APART: f64 = 25.0;

/// A sheet of paper that lies within something of another tone, without its edge; none
/// where the picture is the paper itself.
///
/// It is a patch of the tone that the border does not have, that fills a rectangle of a
/// third of the picture at least, but for something in its inside: a 1 has no inside,
/// and a 0, an ellipse with a hole, does not fill its rectangle.
pub(super) fn sheet(picture: &Plane) -> Option<Window> {
    let (width, height) = (picture.width, picture.height);
    let threshold = otsu(&picture.values)?;
    let is_light = |&value: &f32| value > threshold;
    let around: Vec<bool> = border(width, height)
        .map(|at| is_light(&picture.values[at]))
        .collect();
    let table = 2 * around.iter().filter(|light| **light).count() > around.len();
    let tones = picture.values.iter().map(|value| is_light(value) != table);
    let sheet = patches(width, height, &tones.collect::<Vec<bool>>())
        .into_iter()
        .max_by_key(|patch| patch.area())?;
    let window = &sheet.window;
    let area = window.x.len() * window.y.len();
    if 3 * area < width * height || 4 * sheet.area() < 3 * area {
        return None;
    }
    // The edge of a sheet is not quite straight, and never quite upright.
    let edge = window.longer() / 25 + 1;
    let (x, y) = (&window.x, &window.y);
    if x.len() <= 3 * edge || y.len() <= 3 * edge {
        return None;
    }
    let inside = Window {
        x: x.start + edge..x.end - edge,
        y: y.start + edge..y.end - edge,
    };
    let within = picture.cut(inside.clone());
    let tones = within.values.iter().map(|value| is_light(value) == table);
    let written = patches(within.width, within.height, &tones.collect::<Vec<bool>>())
        .iter()
        .any(|patch| !patch.touches_edge() && 10 * patch.window.longer() >= inside.longer());
    written.then_some(inside)
}

/// How much more ink than its paper each pixel has, in levels: 0 about the paper, above
/// it ink, whether that is darker or lighter than the paper.
pub(super) fn removed(picture: &Plane) -> Plane {
    let coarse = picture.thumbnail(COARSE);
    let plane = plane_through(&coarse);
    let lit = picture
        .clone()
        .minus(&plane.resized(picture.width, picture.height));
    // Ink is the few pixels that differ by much: in cubes they outweigh the many of
    // noise and shade.
    let skew: f64 = lit
        .values
        .iter()
        .map(|&value| f64::from(value).powi(3))
        .sum();
    let sign = if skew < 0.0 { -1.0 } else { 1.0 };
    // Morphological opening: what is narrower than the window and lighter goes, so the
    // shade is left.
    let shade = coarse.minus(&plane).map(|value| sign * value);
    let shade = shade
        .filtered(STROKE, |near| near.iter().copied().fold(f32::MAX, f32::min))
        .filtered(STROKE, |near| near.iter().copied().fold(f32::MIN, f32::max))
        .blurred(2);
    lit.map(|value| sign * value)
        .minus(&shade.resized(picture.width, picture.height))
}

/// The plane through the border, by weighted least squares from its middle tone on:
/// Cauchy's weights, so that ink that reaches the border, or a dark strip along one side,
/// does not tilt it.
fn plane_through(picture: &Plane) -> Plane {
    let (width, height) = (picture.width, picture.height);
    // From -1 to 1 along each side.
    let place = |at: usize| {
        let along = |i: usize, n: usize| (2 * i + 1) as f64 / n as f64 - 1.0;
        [1.0, along(at % width, width), along(at / width, height)]
    };
    let points: Vec<([f64; 3], f64)> = border(width, height)
        .map(|at| (place(at), f64::from(picture.values[at])))
        .collect();
    let value = |plane: &[f64; 3], p: &[f64; 3]| plane[0] + plane[1] * p[1] + plane[2] * p[2];
    let mut sorted: Vec<f64> = points.iter().map(|point| point.1).collect();
    sorted.sort_by(f64::total_cmp);
    let mut plane = [sorted[sorted.len() / 2], 0.0, 0.0];
    for _ in 0..20 {
        let (mut normal, mut right) = ([[0.0; 3]; 3], [0.0; 3]);
        for (p, z) in &points {
            let weight = 1.0 / (1.0 + ((z - value(&plane, p)) / APART).powi(2));
            for i in 0..3 {
                right[i] += weight * p[i] * z;
                for j in 0..3 {
                    normal[i][j] += weight * p[i] * p[j];
                }
            }
        }
        let Some(next) = solved(&normal, &right) else {
            break;
        };
        plane = next;
    }
    let at = |at: usize| value(&plane, &place(at)) as f32;
    Plane {
        width,
        height,
        values: (0..width * height).map(at).collect(),
    }
}

/// Three linear equations by Cramer's rule; none where they have no one answer.
fn solved(a: &[[f64; 3]; 3], b: &[f64; 3]) -> Option<[f64; 3]> {
    let determinant = |m: &[[f64; 3]; 3]| {
        m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1])
            - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
            + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
    };
    let whole = determinant(a);
    if whole.abs() <= 1e-9 * (a[0][0] * a[1][1] * a[2][2]).abs() {
        return None;
    }
    Some(std::array::from_fn(|column| {
        let mut with = *a;
        for row in 0..3 {
            with[row][column] = b[row];
        }
        determinant(&with) / whole
    }))
}
