//! `lenet eval` and `lenet predict` with good weights and bad ones.

use super::Place;

const SAMPLE: [&str; 2] = ["--dataset", "sample"];

fn trained(more: &[&str]) -> (Place, serde_json::Value) {
    let place = Place::new();
    let summary = place.train("run", more);
    (place, summary)
}

fn eval(place: &Place, weights: &str, more: &[&str]) -> super::Ran {
    place.run(&[&["eval", "--weights", weights, "--json"], &SAMPLE[..], more].concat())
}

#[test]
fn eval_finds_what_training_found_for_every_model_and_normalisation() {
    let cases: [&[&str]; 4] = [
        &[],
        &["--no-normalize"],
        &["--model", "convnet"],
        &["--model", "lenet5-32", "--flavour", "1998"],
    ];
    for more in cases {
        let (place, summary) = trained(more);
        let report = eval(&place, "run/model.safetensors", &[]).ok().json();
        assert_eq!(report["accuracy"], summary["test_accuracy"], "{more:?}");
        assert_eq!(report["correct"], summary["test_correct"]);
        assert_eq!(report["loss"], summary["test_loss"]);
        assert_eq!(report["samples"], 1500);
        assert_eq!(report["per_class"].as_array().unwrap().len(), 10);
        let confusion = report["confusion"].as_array().unwrap();
        let counts = confusion.iter().flat_map(|row| row.as_array().unwrap());
        assert_eq!(
            counts.map(|count| count.as_u64().unwrap()).sum::<u64>(),
            1500
        );
    }
}

#[test]
fn predict_reads_places_of_a_data_set_and_pictures() {
    let (place, _) = trained(&["--seed", "6"]);
    let base = ["predict", "--weights", "run/model.safetensors", "--json"];
    let ran = place.run(&[&base[..], &SAMPLE, &["--index", "0", "--index", "7"]].concat());
    let predictions = ran.ok().json();
    assert_eq!(predictions.as_array().unwrap().len(), 2);
    let first = &predictions[0];
    assert_eq!(first["source"], "sample/test/0");
    let numbers = |key: &str| -> Vec<f64> {
        first[key]
            .as_array()
            .unwrap()
            .iter()
            .map(|v| v.as_f64().unwrap())
            .collect()
    };
    let (probabilities, logits) = (numbers("probabilities"), numbers("logits"));
    assert_eq!((probabilities.len(), logits.len()), (10, 10));
    // Ten f64 numbers that were rounded once each.
    assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    let digit = first["digit"].as_u64().unwrap() as usize;
    assert!(logits.iter().all(|&logit| logit <= logits[digit]));

    // The same digit as a picture, white on black and black on white.
    let data = lenet_data::load(
        &lenet_data::Request {
            choice: "sample".parse().unwrap(),
            ..Default::default()
        },
        &mut (),
    )
    .unwrap();
    let pixels = data.test.image(0).to_vec();
    let inverted = pixels.iter().map(|p| 255 - p).collect();
    for (name, pixels) in [("white.png", pixels), ("black.png", inverted)] {
        image::GrayImage::from_raw(28, 28, pixels)
            .unwrap()
            .save(place.path().join(name))
            .unwrap();
    }
    let pictures = place
        .run(&[&base[..], &["white.png", "black.png"]].concat())
        .ok()
        .json();
    assert_eq!(pictures[0]["source"], "white.png");
    for picture in pictures.as_array().unwrap() {
        assert_eq!(picture["logits"], first["logits"]);
    }
}

#[test]
fn weights_that_do_not_fit_are_refused_and_change_nothing() {
    let (place, _) = trained(&["--model", "convnet"]);
    let weights = "run/model.safetensors";
    eval(&place, weights, &["--model", "lenet5"])
        .fails(1, &["model.safetensors", "convnet", "lenet5"]);
    let start = [
        "train",
        "--dataset",
        "sample",
        "--out-dir",
        "other",
        "--init-from",
        weights,
    ];
    place
        .run(&start)
        .fails(1, &["`fc3.weight` is missing", "expected [6, 1, 5, 5]"]);
    assert!(!place.path().join("other").exists());
    eval(&place, "no/such.safetensors", &[]).fails(1, &["no/such.safetensors"]);

    let path = place.path().join(weights);
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 4;
    bytes[last..].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(&path, &bytes).unwrap();
    eval(&place, weights, &[]).fails(1, &["model.safetensors", "NaN"]);
    std::fs::write(&path, &bytes[..1000]).unwrap();
    eval(&place, weights, &[]).fails(1, &["model.safetensors", "not a weights file"]);
}

#[test]
fn bad_pictures_and_places_are_named() {
    let (place, _) = trained(&[]);
    std::fs::write(place.path().join("x.png"), b"no picture").unwrap();
    let base = ["predict", "--weights", "run/model.safetensors"];
    place
        .run(&[&base[..], &["x.png"]].concat())
        .fails(1, &["x.png", "expected PNG"]);
    place
        .run(&[&base[..], &["no.png"]].concat())
        .fails(1, &["no.png"]);
    let beyond = [&base[..], &SAMPLE, &["--index", "1500"]].concat();
    place
        .run(&beyond)
        .fails(2, &["--index 1500", "1500 images"]);
    place.run(&base).fails(2, &["IMAGES"]);
}
