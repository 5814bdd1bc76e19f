//! The way of a picture: what must not change it, what must not be in it, and no panic.

use proptest::prelude::*;

use super::*;

/// A grey picture of `width` columns from what each place is.
fn painted(width: usize, height: usize, at: impl Fn(f32, f32) -> f32) -> Vec<u8> {
    let place = |i: usize| at((i % width) as f32 + 0.5, (i / width) as f32 + 0.5);
    let byte = |i: usize| place(i).round().clamp(0.0, 255.0) as u8;
    (0..width * height).map(byte).collect()
}

/// How much of a 7 is at a place of the unit square: a bar at the top and a slant.
fn seven(x: f32, y: f32) -> f32 {
    let bar = (0.3..0.7).contains(&x) && (0.2..0.28).contains(&y);
    let slant = (0.28..0.8).contains(&y) && (x - (0.66 - 0.4 * (y - 0.28))).abs() < 0.04;
    f32::from(u8::from(bar || slant))
}

fn clean(side: usize) -> [u8; PIXELS] {
    let size = side as f32;
    let bytes = painted(side, side, |x, y| 255.0 * seven(x / size, y / size));
    digit(side, side, &bytes).unwrap()
}

/// The mean difference of two images, in levels, at the best of nine places: a centre of
/// mass between two pixels is rounded either way.
fn apart(a: &[u8; PIXELS], b: &[u8; PIXELS]) -> f32 {
    let moved = (0..9).map(|place| (place % 3 * SIDE + place / 3) as isize - (SIDE as isize + 1));
    let sums = moved.map(|by| -> u32 {
        let other = |at: usize| b[(at as isize + by).rem_euclid(PIXELS as isize) as usize];
        (0..PIXELS)
            .map(|at| u32::from(a[at].abs_diff(other(at))))
            .sum()
    });
    sums.min().unwrap() as f32 / PIXELS as f32
}

/// Pixels that lie differently on the grid move the edges of strokes by a part of a
/// pixel. About 60 pixels of a 7 are edges; half of each is 60·128/784 = 10 levels in the
/// mean.
const EDGES: f32 = 10.0;

#[test]
fn a_data_sets_own_picture_is_untouched_and_its_negative_turned_round() {
    let own = painted(28, 28, |x, y| 3.0 + 240.0 * seven(x / 28.0, y / 28.0));
    assert_eq!(digit(28, 28, &own).unwrap()[..], own);
    let negative: Vec<u8> = own.iter().map(|byte| 255 - byte).collect();
    assert_eq!(digit(28, 28, &negative).unwrap()[..], own);
}

#[test]
fn the_digit_has_mnists_frame() {
    let image = clean(300);
    let inked = |at: usize| image[at] > 0;
    let rows: Vec<usize> = (0..28)
        .filter(|y| (0..28).any(|x| inked(y * 28 + x)))
        .collect();
    assert_eq!(rows.len(), 20);
    assert_eq!(image.iter().max(), Some(&255));
    let mass: f32 = image.iter().map(|&v| f32::from(v)).sum();
    let moment = |f: fn(usize) -> usize| -> f32 {
        let terms = image.iter().enumerate();
        terms
            .map(|(at, &v)| (f(at) as f32 + 0.5) * f32::from(v))
            .sum()
    };
    // To the nearest whole pixel.
    assert!((moment(|at| at % 28) / mass - 14.0).abs() <= 0.51);
    assert!((moment(|at| at / 28) / mass - 14.0).abs() <= 0.51);
}

#[test]
fn size_place_tone_and_light_do_not_matter() {
    let expected = clean(400);
    for (width, height, side, left, top) in [
        (100, 100, 100.0, 0.0, 0.0),
        (640, 480, 300.0, 320.0, 20.0),
        (333, 1000, 330.0, 0.0, 600.0),
        (2000, 1500, 700.0, 100.0, 700.0),
    ] {
        for (paper, ink) in [(230.0, 30.0), (40.0, 220.0), (160.0, 90.0)] {
            let bytes = painted(width, height, |x, y| {
                // From one side to the other 40 levels, and darker towards the corners.
                let (u, v) = (x / width as f32 - 0.5, y / height as f32 - 0.5);
                let light = 40.0 * u - 15.0 * (u * u + v * v);
                paper + light + (ink - paper) * seven((x - left) / side, (y - top) / side)
            });
            let image = digit(width, height, &bytes).unwrap();
            let apart = apart(&image, &expected);
            assert!(apart < EDGES, "{width}×{height} {paper}: {apart}");
        }
    }
}

#[test]
fn a_thin_stroke_stays_visible() {
    // A ring, 500 pixels high and one wide: at 28×28 a twenty-fifth of a pixel.
    let bytes = painted(800, 800, |x, y| {
        let radius = (x - 400.0).hypot(y - 400.0);
        let ink = (radius - 250.0).abs() < 0.5;
        255.0 * f32::from(u8::from(!ink))
    });
    let image = digit(800, 800, &bytes).unwrap();
    // Around the middle of a 0, each ray meets ink.
    for turn in 0..36 {
        let angle = std::f32::consts::TAU * turn as f32 / 36.0;
        let on = |radius: f32| {
            let (x, y) = (14.0 + radius * angle.cos(), 14.0 + radius * angle.sin());
            image[y as usize * 28 + x as usize]
        };
        let most = (10..28).map(|half| on(half as f32 / 2.0)).max();
        assert!(most > Some(128), "{turn}: {most:?}");
    }
    assert_eq!(image[14 * 28 + 14], 0);
}

#[test]
fn the_table_around_a_sheet_and_a_shadow_along_the_edge_are_no_digits() {
    let expected = clean(400);
    let sheet = painted(600, 500, |x, y| {
        let on_sheet = (60.0..540.0).contains(&x) && (40.0..460.0).contains(&y);
        let ink = seven((x - 150.0) / 300.0, (y - 90.0) / 300.0);
        if on_sheet { 225.0 - 190.0 * ink } else { 70.0 }
    });
    assert!(apart(&digit(600, 500, &sheet).unwrap(), &expected) < EDGES);
    // A sheet that lies three degrees askew leaves wedges of the table.
    let askew = painted(600, 500, |x, y| {
        let (a, b) = (x - 300.0, y - 250.0);
        let (x, y) = (300.0 + a + 0.05 * b, 250.0 + b - 0.05 * a);
        let on_sheet = (60.0..540.0).contains(&x) && (40.0..460.0).contains(&y);
        let ink = seven((x - 150.0) / 300.0, (y - 90.0) / 300.0);
        if on_sheet { 225.0 - 190.0 * ink } else { 70.0 }
    });
    assert!(apart(&digit(600, 500, &askew).unwrap(), &expected) < EDGES);
    let shadow = painted(600, 500, |x, y| {
        let ink = seven((x - 200.0) / 350.0, (y - 90.0) / 350.0);
        if x < 70.0 { 60.0 } else { 225.0 - 190.0 * ink }
    });
    assert!(apart(&digit(600, 500, &shadow).unwrap(), &expected) < EDGES);
}

#[test]
fn corners_that_a_lens_left_dark_are_paper() {
    let bytes = painted(600, 500, |x, y| {
        let (u, v) = (x / 300.0 - 1.0, y / 250.0 - 1.0);
        let light = 1.0 - 0.3 * (u * u + v * v);
        light * (220.0 - 170.0 * seven((x - 200.0) / 350.0, (y - 90.0) / 350.0))
    });
    assert!(apart(&digit(600, 500, &bytes).unwrap(), &clean(400)) < EDGES);
}

#[test]
fn a_digit_that_fills_its_picture_is_no_shade() {
    // The 7's own rectangle: half of the border is ink.
    let seven = |x: f32, y: f32| seven(0.3 + 0.4 * x, 0.2 + 0.6 * y);
    for (paper, ink) in [(230.0, 30.0), (20.0, 240.0)] {
        let bytes = painted(160, 240, |x, y| {
            paper + (ink - paper) * seven(x / 160.0, y / 240.0)
        });
        assert!(apart(&digit(160, 240, &bytes).unwrap(), &clean(400)) < EDGES);
    }
}

#[test]
fn specks_are_left_out_and_broken_strokes_kept() {
    let expected = clean(400);
    let bytes = painted(500, 500, |x, y| {
        let speck = [(30.0, 40.0), (450.0, 470.0), (120.0, 300.0)];
        let speck = speck
            .iter()
            .any(|&(a, b): &(f32, f32)| (x - a).hypot(y - b) < 5.0);
        let ink = seven(x / 500.0, y / 500.0);
        // The bar apart from the slant.
        let gap = (140.0..144.0).contains(&y);
        if speck {
            20.0
        } else {
            230.0 - if gap { 0.0 } else { 200.0 * ink }
        }
    });
    assert!(apart(&digit(500, 500, &bytes).unwrap(), &expected) < EDGES);
}

#[test]
fn what_is_blank_is_said_so() {
    for (width, height) in [(28, 28), (8, 8), (1000, 30)] {
        for tone in [0.0, 128.0, 255.0] {
            let bytes = painted(width, height, |_, _| tone);
            assert_eq!(digit(width, height, &bytes), Err(Error::Blank));
        }
    }
    // Light that falls from one side is no digit, and noise is none.
    let lit = painted(300, 300, |x, _| 100.0 + x / 3.0);
    assert_eq!(digit(300, 300, &lit), Err(Error::Blank));
    let noise = lenet_tensor::random::Key::from_seed(1).normal(90_000, 200.0, 8.0);
    let noise: Vec<u8> = noise.iter().map(|&v| v as u8).collect();
    assert_eq!(digit(300, 300, &noise), Err(Error::Blank));
}

#[test]
fn sizes_are_checked() {
    let of = |width, height, bytes: usize| digit(width, height, &vec![0; bytes]);
    let (width, height) = (7, 100);
    assert_eq!(of(7, 100, 700), Err(Error::TooSmall { width, height }));
    let (width, height) = (60_000, 60_000);
    assert_eq!(
        of(60_000, 60_000, 9),
        Err(Error::TooLarge { width, height })
    );
    let (width, height) = (usize::MAX, 8);
    assert_eq!(of(usize::MAX, 8, 9), Err(Error::TooLarge { width, height }));
    let (width, height, found) = (10, 10, 99);
    let error = Error::Bytes {
        found,
        width,
        height,
    };
    assert_eq!(of(10, 10, 99), Err(error));
}

proptest! {
    #[test]
    fn the_median_is_the_middle_of_all_sorted(
        values in prop::collection::vec(-8i16..8, 1..9000),
        // One of these is a few tones, the other has no two alike.
        spread in prop::sample::select(vec![0.0f32, 0.001]),
    ) {
        let values = values.iter().enumerate();
        let values: Vec<f32> = values.map(|(i, &v)| f32::from(v) + spread * i as f32).collect();
        let mut sorted = values.clone();
        sorted.sort_by(f32::total_cmp);
        let middle = sorted[sorted.len() / 2];
        prop_assert_eq!(ink::median(values), Some(middle));
    }

    #[test]
    fn a_filter_sees_a_square(width in 1usize..9, height in 1usize..9, radius in 0usize..12) {
        // Whole numbers: their sums are exact in any order.
        let values: Vec<f32> = (0..width * height).map(|at| (at * 37 % 101) as f32).collect();
        let plane = Plane { width, height, values };
        let found = plane.clone().filtered(radius, 0.0, f32::max);
        let sums = plane.clone().filtered(radius, 0.0, |a, b| a + b);
        for at in 0..width * height {
            let near = |other: &usize| {
                let (x, y) = (at % width, at / width);
                x.abs_diff(other % width) <= radius && y.abs_diff(other / width) <= radius
            };
            let square = || (0..width * height).filter(near).map(|at| plane.values[at]);
            prop_assert_eq!(found.values[at], square().fold(0.0, f32::max));
            prop_assert_eq!(sums.values[at], square().sum::<f32>());
        }
        let outermost = |at: &usize| {
            let (x, y) = (at % width, at / width);
            x == 0 || y == 0 || x + 1 == width || y + 1 == height
        };
        let border: Vec<usize> = (0..width * height).filter(outermost).collect();
        prop_assert_eq!(plane::border(width, height).collect::<Vec<usize>>(), border);
    }

    #[test]
    fn any_picture_gives_a_digit_or_an_error(
        width in 0usize..70,
        height in 0usize..70,
        // Few tones make large patches, many make noise.
        tones in prop::collection::vec(any::<u8>(), 1..5),
        choices in prop::collection::vec(any::<u8>(), 70 * 70),
    ) {
        let bytes: Vec<u8> = choices[..width * height]
            .iter()
            .map(|&choice| match tones.len() {
                4 => choice,
                n => tones[usize::from(choice) * n / 256],
            })
            .collect();
        match digit(width, height, &bytes) {
            // Black is black, and ink reaches white.
            Ok(image) if (width, height) != (28, 28) => {
                prop_assert_eq!(image.iter().max(), Some(&255));
                prop_assert_eq!(image[0], 0);
            }
            Ok(image) => prop_assert!(image.iter().any(|&pixel| pixel > 0)),
            Err(error) => {
                let bytes = matches!(error, Error::Bytes { .. });
                prop_assert!(!bytes, "{}", error);
                let small = width < MIN_SIDE || height < MIN_SIDE;
                prop_assert_eq!(matches!(error, Error::TooSmall { .. }), small);
            }
        }
    }

    #[test]
    fn long_and_narrow_pictures_are_no_trap(long in 8usize..6000, across: bool, line in 0usize..8) {
        let (width, height) = if across { (long, 8) } else { (8, long) };
        let bytes = painted(width, height, |x, y| {
            let (a, b) = if across { (x, y) } else { (y, x) };
            if b as usize == line && (a as usize) < long / 2 { 255.0 } else { 20.0 }
        });
        if let Ok(image) = digit(width, height, &bytes) {
            prop_assert_eq!(image.iter().max(), Some(&255));
        }
    }
}
