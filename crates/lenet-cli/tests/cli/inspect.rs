//! `lenet inspect`: images, draws and mistakes.

use super::{Place, Ran};

fn inspect(place: &Place, more: &[&str]) -> Ran {
    place.run(&[&["inspect", "--dataset", "sample"], more].concat())
}

#[test]
fn images_stand_side_by_side_with_their_labels() {
    let place = Place::new();
    let sheet = inspect(&place, &["--count", "3"]).ok().stdout;
    assert!(
        sheet.starts_with("sample test: 1500 images: 150 of 0, 169 of 1"),
        "{sheet}"
    );
    // No terminal: 80 columns, which hold three digits.
    let below = sheet.lines().last().unwrap();
    let labels: Vec<&str> = below.split("   ").filter(|part| !part.is_empty()).collect();
    assert_eq!(labels.len(), 3, "{below}");
    assert!(labels[0].starts_with("0: label "), "{below}");
    assert!(sheet.lines().all(|line| line.chars().count() <= 80));
    assert!(sheet.contains('█') && !sheet.contains('\u{1b}'), "{sheet}");

    let sevens = inspect(&place, &["--digit", "7", "--split", "train", "--json"]);
    let sevens = sevens.ok().json();
    let images = sevens["images"].as_array().unwrap();
    assert_eq!(images.len(), 12);
    assert!(images.iter().all(|image| image["label"] == 7));
    assert_eq!(sevens["split"], "train");
    let counts = sevens["per_class"].as_array().unwrap().iter();
    assert_eq!(counts.map(|n| n.as_u64().unwrap()).sum::<u64>(), 8500);

    let two = inspect(&place, &["--index", "5", "0", "--json"])
        .ok()
        .json();
    assert_eq!(two["images"][0]["index"], 5);
    assert_eq!(two["images"][1]["index"], 0);
}

#[test]
fn draws_are_those_of_a_seed_and_an_epoch() {
    let place = Place::new();
    let draw = |more: &[&str]| {
        let args = [&["--augment", "affine", "--index", "3"], more].concat();
        inspect(&place, &args).ok().stdout
    };
    let first = draw(&["--seed", "1"]);
    assert!(first.starts_with("sample train: "), "{first}");
    assert_eq!(draw(&["--seed", "1", "--epoch", "1"]), first);
    assert_ne!(draw(&["--seed", "1", "--epoch", "2"]), first);
    assert_ne!(draw(&["--seed", "2"]), first);
    let plain = inspect(&place, &["--split", "train", "--index", "3"]);
    assert_ne!(plain.ok().stdout, first);
}

#[test]
fn mistakes_are_those_that_eval_counts() {
    let place = Place::new();
    place.train("run", &[]);
    let trained = ["--weights", "run/model.safetensors"];
    let args = [&["--mistakes", "--count", "5", "--json"], &trained[..]].concat();
    let report = inspect(&place, &args).ok().json();
    let eval = [&["eval", "--dataset", "sample", "--json"], &trained[..]].concat();
    let eval = place.run(&eval).ok().json();
    let [samples, correct] = ["samples", "correct"].map(|key| eval[key].as_u64().unwrap());
    assert_eq!(report["wrong"], samples - correct);
    let images = report["images"].as_array().unwrap();
    assert_eq!(images.len(), 5);
    for pair in images.windows(2) {
        assert!(pair[0]["loss"].as_f64() >= pair[1]["loss"].as_f64());
    }
    let worst = &images[0];
    assert_ne!(worst["label"], worst["prediction"]);

    // What the picture says is what `predict` says of it.
    let index = worst["index"].to_string();
    let args = [
        "predict",
        "--dataset",
        "sample",
        "--index",
        &index,
        "--json",
    ];
    let said = place.run(&[&args[..], &trained[..]].concat()).ok().json();
    assert_eq!(said[0]["digit"], worst["prediction"]);
    let probability = worst["probability"].as_f64().unwrap();
    let sheet = inspect(&place, &["--mistakes", trained[0], trained[1]]);
    let line = format!(
        "label {}, said {}, {:.1} %",
        worst["label"],
        worst["prediction"],
        100.0 * probability
    );
    assert!(sheet.ok().stdout.contains(&line), "{line}");

    // The network in the program, on one class.
    let own = inspect(&place, &["--mistakes", "--digit", "9", "--json"]).ok();
    let own = own.json();
    assert_eq!(own["model"], "lenet5");
    let images = own["images"].as_array().unwrap();
    assert!(images.iter().all(|image| image["label"] == 9));
}

#[test]
fn what_makes_no_sense_is_usage() {
    let place = Place::new();
    inspect(&place, &["--index", "1500"]).fails(2, &["--index 1500", "1500 images"]);
    inspect(&place, &["--digit", "10"]).fails(2, &["--digit"]);
    inspect(&place, &["--weights", "w.safetensors"]).fails(2, &["--mistakes"]);
    inspect(&place, &["--seed", "1"]).fails(2, &["--augment"]);
    inspect(&place, &["--mistakes", "--augment", "shift"]).fails(2, &["--augment"]);
    inspect(&place, &["--index", "1", "--digit", "2"]).fails(2, &["--digit"]);
}
