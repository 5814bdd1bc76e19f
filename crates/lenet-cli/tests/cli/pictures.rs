//! `lenet predict` of pictures as people have them, and of traps.

use lenet_data::{Choice, DatasetName, Request};
use lenet_tensor::random::Key;
use serde_json::Value;

use super::{Place, drawn};

/// A second of training.
fn trained() -> Place {
    let place = Place::new();
    let args = [
        "train",
        "--dataset",
        "sample",
        "--out-dir",
        "run",
        "--quiet",
    ];
    let recipe = ["--epochs", "2", "--scheduler", "one-cycle", "--lr", "0.004"];
    place.run(&[&args[..], &recipe].concat()).ok();
    place
}

const WEIGHTS: [&str; 3] = ["predict", "--weights", "run/model.safetensors"];

fn digits(predictions: &Value) -> Vec<u64> {
    let predictions = predictions.as_array().unwrap().iter();
    predictions.map(|p| p["digit"].as_u64().unwrap()).collect()
}

#[test]
fn pictures_are_read_as_well_as_the_digits_they_show() {
    let place = trained();
    let request = Request {
        choice: Choice::Only(DatasetName::Sample),
        ..Request::default()
    };
    let test = lenet_data::load(&request, &mut ()).unwrap().test;
    let mut files = Vec::new();
    let mut plain = Vec::new();
    for index in 0..100 {
        let key = Key::from_seed(1).fold_in_index(index as u64);
        // To 300 pixels only: this build draws slowly. The example goes to 1,000.
        let picture = drawn::drawn(test.image(index), &key, 50.0, 300.0);
        let name = format!("{index}.{}", if index % 2 == 0 { "png" } else { "jpg" });
        picture.save(place.path().join(&name)).unwrap();
        files.push(name);
        plain.extend(["--index".to_owned(), index.to_string()]);
    }
    let right = |args: &[String]| {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let more = ["--dataset", "sample", "--json"];
        let ran = place.run(&[&WEIGHTS[..], &more, &args].concat()).ok();
        let read = digits(&ran.json()).into_iter().zip(test.labels());
        read.filter(|(digit, label)| *digit == u64::from(**label))
            .count()
    };
    let (plain, pictures) = (right(&plain), right(&files));
    // A step of the way that is wrong (another frame, a tone turned round, a lost stroke)
    // costs dozens; noise and two roundings cost one or two.
    assert!(plain >= 95, "{plain} digits as they are");
    assert!(
        pictures + 3 >= plain,
        "{pictures} of 100, {plain} as they are"
    );
}

#[test]
fn show_draws_what_was_seen_beside_a_bar_for_each_digit() {
    let place = trained();
    let one = image::GrayImage::from_fn(200, 300, |x, y| {
        let ink = (95..110).contains(&x) && (40..260).contains(&y);
        image::Luma([if ink { 20 } else { 240 }])
    });
    for name in ["a.png", "b.jpg"] {
        one.save(place.path().join(name)).unwrap();
    }
    let args = [&WEIGHTS[..], &["a.png", "b.jpg", "--show"]].concat();
    let out = place.run(&args).ok().stdout;
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 2 * 15, "{out}");
    for (name, lines) in [("a.png", &lines[..15]), ("b.jpg", &lines[15..])] {
        assert!(lines[0].starts_with(&format!("{name}: 1 (")), "{out}");
        // A picture of 28 columns, then the bars of ten digits.
        for line in &lines[1..] {
            let image: Vec<char> = line.chars().skip(3).take(28).collect();
            assert!(image.iter().all(|c| " ▀▄█".contains(*c)), "{out}");
        }
        let one = lines[4].chars().skip(32).collect::<String>();
        assert!(one.trim().starts_with("1 █"), "{out}");
        assert!(!out.contains('\u{1b}'), "{out}");
        // Its 20 rows are ten lines of blocks.
        let inked = lines[1..].iter().filter(|line| {
            let image: String = line.chars().skip(3).take(28).collect();
            !image.trim().is_empty()
        });
        assert!((10..=11).contains(&inked.count()), "{out}");
    }
    let both = [&WEIGHTS[..], &["a.png", "--show", "--json"]].concat();
    place.run(&both).fails(2, &["--show", "--json"]);
}

#[test]
fn traps_end_with_one_line_and_code_1() {
    let place = trained();
    let file = |name: &str, bytes: &[u8]| std::fs::write(place.path().join(name), bytes).unwrap();
    // 60000×60000 pixels that a few bytes promise.
    let mut huge = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\xea\x60\0\0\xea\x60\x08\0\0\0\0".to_vec();
    huge.extend(b"\xa5\xb9\x2a\x9e\0\0\0\0IDAT\x35\xaf\x06\x1e");
    file("huge.png", &huge);
    let white = image::GrayImage::from_pixel(64, 48, image::Luma([255]));
    white.save(place.path().join("blank.png")).unwrap();
    let jpeg = place.path().join("whole.jpg");
    white.save(&jpeg).unwrap();
    let jpeg = std::fs::read(jpeg).unwrap();
    file("cut.jpg", &jpeg[..jpeg.len() - 20]);
    let dot = image::GrayImage::from_pixel(1, 1, image::Luma([0]));
    dot.save(place.path().join("dot.png")).unwrap();
    file(
        "drawing.svg",
        b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
    );
    file("text.png", b"a letter home");
    let noise = Key::from_seed(1).uniform(10 << 20, 0.0, 256.0);
    file(
        "noise.jpg",
        &noise.iter().map(|&v| v as u8).collect::<Vec<u8>>(),
    );
    for (name, what) in [
        ("huge.png", "60000×60000 pixels are too many"),
        ("blank.png", "no digit found"),
        ("cut.jpg", "cut short"),
        ("dot.png", "1×1 pixels are too small"),
        ("drawing.svg", "an SVG drawing, expected PNG or JPEG"),
        ("text.png", "not a picture, expected PNG or JPEG"),
        ("noise.jpg", "not a picture, expected PNG or JPEG"),
        (".", "expected a PNG or JPEG picture"),
    ] {
        let ran = place.run(&[&WEIGHTS[..], &[name, "--json"]].concat());
        ran.fails(1, &[name, what]);
        assert!(ran.stdout.is_empty(), "{name}: {}", ran.stdout);
    }
}
