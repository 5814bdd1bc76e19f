//! What a digit is written on: found, and taken away.

use super::ink::{otsu, patches};
use super::plane::{Plane, Window, border};

/// The longer side at which light and shade are looked at: coarse, so that noise is
/// gone and strokes are a few pixels.
const COARSE: usize = 32;

/// Half the window, at [`COARSE`], in which shade may not have both a rise and a fall:
/// wider than half the boldest stroke of a picture that the digit fills.
const STROKE: usize = 6;

/// Levels from the surface of light at which a pixel of the border counts half.
const APART: f64 = 25.0;

/// What an uneven light costs (a ridge): little beside what a tenth of the border says.
const EVEN: f64 = 0.002;

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
    let edge = window.longer() / 40 + 1;
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
pub(super) fn removed(picture: Plane) -> Plane {
    let (width, height) = (picture.width, picture.height);
    let coarse = picture.thumbnail(COARSE);
    let light = light(&coarse);
    let lit = picture.minus(&light.resized(width, height));
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
    let shade = coarse.minus(&light).map(|value| sign * value);
    let shade = shade
        .filtered(STROKE, f32::MAX, f32::min)
        .filtered(STROKE, f32::MIN, f32::max)
        .blurred(2);
    lit.map(|value| sign * value)
        .minus(&shade.resized(width, height))
}

/// Terms of a surface: a constant, two slopes, a twist and two bends.
const TERMS: usize = 6;

/// The light on the border, continued inwards: falling from one side, a plane; only where
/// that leaves more than half unexplained, with corners that a lens left dark. Ink that
/// fills most of a border bends nothing so well.
fn light(picture: &Plane) -> Plane {
    let (width, height) = (picture.width, picture.height);
    // From -1 to 1 along each side.
    let terms = |at: usize| {
        let along = |i: usize, n: usize| (2 * i + 1) as f64 / n as f64 - 1.0;
        let (u, v) = (along(at % width, width), along(at / width, height));
        [1.0, u, v, u * v, u * u, v * v]
    };
    let points: Vec<([f64; TERMS], f64)> = border(width, height)
        .map(|at| (terms(at), f64::from(picture.values[at])))
        .collect();
    let (plane, left) = surface(&points, 3);
    let (bent, left_by_bent) = surface(&points, TERMS);
    let light = if 2.0 * left_by_bent < left {
        bent
    } else {
        plane
    };
    let at = |at: usize| value(&light, &terms(at)) as f32;
    Plane {
        width,
        height,
        values: (0..width * height).map(at).collect(),
    }
}

fn value(surface: &[f64; TERMS], terms: &[f64; TERMS]) -> f64 {
    surface.iter().zip(terms).map(|(a, b)| a * b).sum()
}

/// The surface of the first `free` terms through the points, and how much it leaves
/// unexplained: weighted least squares from the middle tone on, with Cauchy's weights, so
/// that ink that reaches the border, or a dark strip along one side, does not bend it.
fn surface(points: &[([f64; TERMS], f64)], free: usize) -> ([f64; TERMS], f64) {
    let mut sorted: Vec<f64> = points.iter().map(|point| point.1).collect();
    sorted.sort_by(f64::total_cmp);
    let mut surface = [0.0; TERMS];
    surface[0] = sorted[sorted.len() / 2];
    let far = |surface: &[f64; TERMS], (terms, level): &([f64; TERMS], f64)| {
        ((level - value(surface, terms)) / APART).powi(2)
    };
    for _ in 0..20 {
        let (mut normal, mut right) = ([[0.0; TERMS]; TERMS], [0.0; TERMS]);
        for point in points {
            let (terms, level) = point;
            let weight = 1.0 / (1.0 + far(&surface, point));
            for i in 0..free {
                right[i] += weight * terms[i] * level;
                for j in 0..free {
                    normal[i][j] += weight * terms[i] * terms[j];
                }
            }
        }
        // Even where the border leaves it open: a picture of one row or column.
        for i in 1..TERMS {
            normal[i][i] += EVEN * points.len() as f64;
        }
        surface = solved(normal, right);
    }
    let left = points.iter().map(|point| far(&surface, point).ln_1p());
    (surface, left.sum())
}

/// Linear equations whose matrix is symmetric and positive definite, by elimination.
fn solved(mut a: [[f64; TERMS]; TERMS], mut b: [f64; TERMS]) -> [f64; TERMS] {
    for pivot in 0..TERMS {
        for row in pivot + 1..TERMS {
            let share = a[row][pivot] / a[pivot][pivot];
            for column in pivot..TERMS {
                a[row][column] -= share * a[pivot][column];
            }
            b[row] -= share * b[pivot];
        }
    }
    for row in (0..TERMS).rev() {
        let known: f64 = (row + 1..TERMS)
            .map(|column| a[row][column] * b[column])
            .sum();
        b[row] = (b[row] - known) / a[row][row];
    }
    b
}
