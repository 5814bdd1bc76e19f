//! A digit set into 28×28 as MNIST did it.

use std::f32::consts::FRAC_PI_4;

use super::ink::Ink;
use super::plane::{Axis, Outside, Plane, Window};
use crate::mnist::{PIXELS, SIDE};

/// The longer side of a digit, in pixels.
const BOX: usize = 20;

/// The thinnest stroke, in pixels of the result: about that of MNIST's thinnest digits.
/// A thinner one would come out grey and broken.
const THIN: f32 = 1.6;

/// The digit at its final place and size, the most inked pixel 255.
pub(super) fn framed(ink: &Ink) -> [u8; PIXELS] {
    let (amount, window) = thick(ink);
    let step = window.longer() as f32 / BOX as f32;
    let fitted = |start: usize, length: usize| {
        let count = ((length as f32 / step).ceil() as usize).clamp(1, BOX);
        let spare = count as f32 * step - length as f32;
        Axis {
            start: start as f32 - spare / 2.0,
            step,
            count,
        }
    };
    let axes = [
        fitted(window.x.start, window.x.len()),
        fitted(window.y.start, window.y.len()),
    ];
    let small = amount.sampled(axes, Outside::Zero);
    let place = centred(&small);
    let most = small.values.iter().copied().fold(0.0, f32::max);
    let mut image = [0; PIXELS];
    if most > 0.0 {
        for (at, value) in small.values.iter().enumerate() {
            let (x, y) = (at % small.width + place[0], at / small.width + place[1]);
            image[y * SIDE + x] = (value / most * 255.0).round() as u8;
        }
    }
    image
}

/// Where the upper left corner goes, so that the centre of mass is in the middle of the
/// image; never so far that a part would be lost.
fn centred(small: &Plane) -> [usize; 2] {
    let (mut mass, mut x, mut y) = (0.0, 0.0, 0.0);
    for (at, value) in small.values.iter().enumerate() {
        mass += value;
        x += value * ((at % small.width) as f32 + 0.5);
        y += value * ((at / small.width) as f32 + 0.5);
    }
    let place = |moment: f32, length: usize| {
        let from = SIDE as f32 / 2.0 - moment / mass.max(f32::MIN_POSITIVE);
        (from.round().max(0.0) as usize).min(SIDE - length)
    };
    [place(x, small.width), place(y, small.height)]
}

/// The ink and its window, with strokes that will not be lost.
fn thick(ink: &Ink) -> (Plane, Window) {
    let step = ink.window.longer() as f32 / BOX as f32;
    let (width, height) = (ink.amount.width, ink.amount.height);
    let radius = (THIN * step - stroke(ink)) / 2.0;
    if radius < 0.5 {
        return (ink.amount.clone(), ink.window.clone());
    }
    // Room for it, also beyond the picture's edge.
    let reach = radius.ceil() as usize;
    let room = ink.window.grown(reach, width, height);
    let source = ink.amount.cut(room);
    let (wide, high) = (source.width + 2 * reach, source.height + 2 * reach);
    let mut thick = Plane {
        width: wide,
        height: high,
        values: vec![0.0; wide * high],
    };
    // Of each row of the disc, how far it reaches to either side.
    let half = |row: usize| {
        let up = row.abs_diff(reach) as f32;
        (radius * radius - up * up).max(0.0).sqrt() as usize
    };
    let halves: Vec<usize> = (0..=2 * reach).map(half).collect();
    for (at, &value) in source.values.iter().enumerate() {
        if value <= 0.0 {
            continue;
        }
        let (x, y) = (at % source.width + reach, at / source.width + reach);
        for (row, &half) in (y - reach..).zip(&halves) {
            let disc = row * wide + x - half..=row * wide + x + half;
            for near in &mut thick.values[disc] {
                *near = near.max(value);
            }
        }
    }
    let window = inked(&thick).unwrap_or(Window {
        x: 0..wide,
        y: 0..high,
    });
    (thick, window)
}

/// The mean width of the strokes, in pixels: twice the area over the length of the
/// outline, whose steps along rows and columns are longer than it by 4/π on average.
fn stroke(ink: &Ink) -> f32 {
    let width = ink.amount.width;
    let is_ink = |at: Option<usize>| at.is_some_and(|at| ink.mask.get(at) == Some(&true));
    let (mut area, mut outline) = (0usize, 0usize);
    for (at, _) in ink.mask.iter().enumerate().filter(|(_, is)| **is) {
        let x = at % width;
        let near = [
            at.checked_sub(1).filter(|_| x > 0),
            Some(at + 1).filter(|_| x + 1 < width),
            at.checked_sub(width),
            Some(at + width),
        ];
        area += 1;
        outline += near.into_iter().filter(|&near| !is_ink(near)).count();
    }
    2.0 * area as f32 / (outline as f32 * FRAC_PI_4).max(1.0)
}

/// Around all that is more ink than paper.
fn inked(amount: &Plane) -> Option<Window> {
    let places = amount.values.iter().enumerate();
    places
        .filter(|(_, value)| **value >= 0.5)
        .map(|(at, _)| (at % amount.width, at / amount.width))
        .map(|(x, y)| Window {
            x: x..x + 1,
            y: y..y + 1,
        })
        .reduce(|a, b| a.with(&b))
}
