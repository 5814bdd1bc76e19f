//! `lenet eval` and `lenet predict` with good weights and bad ones.

use candle_core::Device;
use lenet_nn::weights::{self, Metadata};
use lenet_nn::{ModelKind, Parameters};
use lenet_tensor::Key;

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
    let models = ModelKind::ALL.map(|kind| vec!["--model", kind.name()]);
    let mut cases = models.to_vec();
    cases.push(vec!["--no-normalize"]);
    cases.push(vec!["--model", "lenet5-32", "--flavour", "1998"]);
    for more in &cases {
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
    place.run(&start).fails(
        1,
        &[
            "`fc3.weight` is missing",
            "expected [6, 1, 5, 5]",
            "fits --model convnet",
        ],
    );
    assert!(!place.path().join("other").exists());
    eval(&place, "no/such.safetensors", &[]).fails(1, &["--weights", "no/such.safetensors"]);

    let path = place.path().join(weights);
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 4;
    bytes[last..].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(&path, &bytes).unwrap();
    eval(&place, weights, &[]).fails(1, &["model.safetensors", "NaN"]);
    std::fs::write(place.path().join("my net.pt"), b"PK\x03\x04...").unwrap();
    let pickle = [
        "train",
        "--dataset",
        "sample",
        "--out-dir",
        "other",
        "--init-from",
        "my net.pt",
    ];
    place.run(&pickle).fails(
        1,
        &[
            "my net.pt: not a weights file: expected safetensors; a PyTorch pickle",
            "'my net.pt' 'my net.safetensors'",
        ],
    );
    assert!(!place.path().join("other").exists());
    std::fs::write(&path, &bytes[..1000]).unwrap();
    eval(&place, weights, &[]).fails(1, &["model.safetensors", "not a weights file"]);
}

#[test]
fn what_f32_cannot_hold_starts_no_run() {
    let place = Place::new();
    write_weights(&place, 0.5, &lenet5());
    let path = place.path().join("w.safetensors");
    let tensors = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
    let wide = tensors.into_iter().map(|(name, tensor)| {
        let tensor = tensor.to_dtype(candle_core::DType::F64).unwrap();
        let factor = if name == "fc2.bias" { 1e39 } else { 1.0 };
        (name, (tensor * factor).unwrap())
    });
    let wide: std::collections::HashMap<_, _> = wide.collect();
    candle_core::safetensors::save(&wide, &path).unwrap();
    let args = ["train", "--dataset", "sample", "--out-dir", "run"];
    let ran = place.run(&[&args[..], &["--init-from", "w.safetensors"]].concat());
    ran.fails(
        1,
        &[
            "w.safetensors",
            "`fc2.bias` holds 5e38 at position 0, too large for f32",
        ],
    );
    assert!(!ran.stderr.contains("converted"), "{}", ran.stderr);
    assert!(!place.path().join("run").exists());
}

#[test]
fn weights_in_other_floats_are_converted_with_a_note() {
    let place = Place::new();
    write_weights(&place, 0.5, &lenet5());
    let path = place.path().join("w.safetensors");
    let tensors = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
    let half = tensors
        .into_iter()
        .map(|(name, tensor)| (name, tensor.to_dtype(candle_core::DType::BF16).unwrap()));
    let half: std::collections::HashMap<_, _> = half.collect();
    // 0.5 is a number of every float: the same logits.
    let predict = |file: &str| {
        let args = [
            "predict",
            "--weights",
            file,
            "--dataset",
            "sample",
            "--index",
            "0",
            "--json",
            "--no-normalize",
        ];
        place.run(&args).ok()
    };
    candle_core::safetensors::save(&half, place.path().join("half.safetensors")).unwrap();
    let ran = predict("half.safetensors");
    assert!(
        ran.stderr
            .contains("half.safetensors: its bf16 values were converted to f32"),
        "{}",
        ran.stderr
    );
    assert_eq!(
        ran.json()[0]["logits"],
        predict("w.safetensors").json()[0]["logits"]
    );
}

/// Writes a file of LeNet-5 in which every value is `value`.
fn write_weights(place: &Place, value: f64, metadata: &Metadata) {
    let parameters = Parameters::new(Key::from_seed(0), &Device::Cpu);
    let model: ModelKind = metadata.model.parse().unwrap_or_default();
    model.build(Default::default(), &parameters).unwrap();
    for entry in parameters.entries() {
        let values = entry.var.ones_like().unwrap().affine(value, 0.0).unwrap();
        entry.var.set(&values).unwrap();
    }
    weights::save(&place.path().join("w.safetensors"), &parameters, metadata).unwrap();
}

fn lenet5() -> Metadata {
    Metadata {
        model: "lenet5".to_owned(),
        ..Metadata::default()
    }
}

#[test]
fn what_is_not_finite_is_no_result() {
    let place = Place::new();
    write_weights(&place, 1e30, &lenet5());
    eval(&place, "w.safetensors", &[]).fails(4, &["NaN or infinite"]);
    let args = ["predict", "--weights", "w.safetensors", "--index", "3"];
    let ran = place.run(&[&args[..], &SAMPLE].concat());
    ran.fails(4, &["sample/test/3", "NaN or infinite"]);
    assert_eq!(ran.stdout, "");
}

#[test]
fn metadata_that_cannot_be_are_the_files_fault() {
    let place = Place::new();
    let normalize = |mean, std| Metadata {
        normalize: Some((mean, std)),
        ..lenet5()
    };
    let flavour = |flavour: &str| Metadata {
        flavour: flavour.to_owned(),
        ..lenet5()
    };
    for (metadata, part) in [
        (normalize(0.1, 0.0), "standard deviation 0"),
        (normalize(0.1, -1.0), "standard deviation -1"),
        (flavour("1998"), "1998"),
        (flavour("2020"), "unknown flavour `2020`"),
        (
            Metadata {
                model: "lenet9".to_owned(),
                ..Metadata::default()
            },
            "unknown model `lenet9`",
        ),
    ] {
        write_weights(&place, 0.1, &metadata);
        eval(&place, "w.safetensors", &[]).fails(1, &["w.safetensors", part]);
    }
    let of = |model: &str, flavour: &str| Metadata {
        model: model.to_owned(),
        flavour: flavour.to_owned(),
        ..Metadata::default()
    };
    write_weights(&place, 0.01, &of("lenet5-32", "1998"));
    eval(&place, "w.safetensors", &[]).ok();
    eval(&place, "w.safetensors", &["--flavour", "modern"])
        .fails(1, &["w.safetensors", "1998", "modern"]);
}

#[test]
fn data_that_were_trained_on_or_are_others_are_said_to_be() {
    let place = Place::new();
    let of = |dataset: &str| Metadata {
        dataset: dataset.to_owned(),
        ..lenet5()
    };
    for (dataset, warning) in [
        ("mnist", "which this network was trained on"),
        (
            "fashion-mnist",
            "was trained on fashion-mnist, the data are sample",
        ),
        ("sample", ""),
        ("idx", ""),
        ("", ""),
    ] {
        write_weights(&place, 0.01, &of(dataset));
        let ran = eval(&place, "w.safetensors", &["--quiet"]).ok();
        assert!(ran.stderr.contains(warning), "{}", ran.stderr);
        let lines = usize::from(!warning.is_empty());
        assert_eq!(ran.stderr.lines().count(), lines, "{}", ran.stderr);
    }
}

#[test]
fn variables_reach_those_who_use_weights() {
    let (place, _) = trained(&[]);
    let eval = ["eval", "--weights", "run/model.safetensors"];
    let predict = [
        "predict",
        "--index",
        "0",
        "--weights",
        "run/model.safetensors",
    ];
    for args in [&eval[..], &predict[..]] {
        for (name, value, code) in [
            ("LENET_DEVICE", "gpu", 2),
            ("LENET_THREADS", "0", 2),
            ("LENET_MODEL", "lenet6", 2),
            ("LENET_MODEL", "convnet", 1),
            ("LENET_MODEL", "lenet5", 0),
        ] {
            let mut command = place.command(&[args, &SAMPLE[..]].concat());
            let ran = super::Ran::from(command.env(name, value).output().unwrap());
            assert_eq!(ran.code, code, "{name}={value}: {}", ran.stderr);
        }
    }
}

#[test]
fn bad_pictures_and_places_are_named() {
    let (place, _) = trained(&[]);
    std::fs::write(place.path().join("x.png"), b"no picture").unwrap();
    let base = ["predict", "--weights", "run/model.safetensors"];
    place
        .run(&[&base[..], &["x.png"]].concat())
        .fails(1, &["x.png", "not a picture", "expected PNG or JPEG"]);
    place
        .run(&[&base[..], &["no.png"]].concat())
        .fails(1, &["no.png"]);
    let beyond = [&base[..], &SAMPLE, &["--index", "1500"]].concat();
    place
        .run(&beyond)
        .fails(2, &["--index 1500", "1500 images"]);
    place.run(&base).fails(2, &["IMAGES"]);
}

#[test]
fn the_weights_in_the_program_work_at_once() {
    let place = Place::new();
    let eval = place
        .run(&["eval", "--dataset", "sample", "--json"])
        .ok()
        .json();
    assert!(eval["accuracy"].as_f64().unwrap() > 0.99, "{eval}");
    let predict = [
        "predict",
        "--dataset",
        "sample",
        "--index",
        "0",
        "--index",
        "1",
        "--json",
    ];
    assert_eq!(place.run(&predict).ok().json().as_array().unwrap().len(), 2);
    place.run(&["export", "-o", "lenet5.onnx"]).ok();
    let card = std::fs::read_to_string(place.path().join("lenet5.json")).unwrap();
    let card: serde_json::Value = serde_json::from_str(&card).unwrap();
    assert_eq!(card["dataset"], "mnist", "{card}");
    // Another network's name is told as for a file.
    place
        .run(&["eval", "--dataset", "sample", "--model", "convnet"])
        .fails(
            1,
            &["the weights in the program: holds weights of lenet5, not of convnet"],
        );
}
