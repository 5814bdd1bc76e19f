//! `lenet export`: files for other programs, their cards, and what is refused.

use std::collections::HashMap;
use std::fs;

use candle_core::{Device, Tensor};
use lenet_nn::weights::{self, Metadata};
use lenet_nn::{ModelKind, Parameters};
use lenet_tensor::Key;
use serde_json::{Value, json};

use super::{Place, Ran};

const WEIGHTS: &str = "run/model.safetensors";

fn trained(more: &[&str]) -> (Place, Value) {
    let place = Place::new();
    let steps = ["--max-steps", "2"];
    let args = ["train", "--dataset", "sample", "--json", "--out-dir", "run"];
    let ran = place.run(&[&args[..], &steps, more].concat());
    (place, ran.ok().json())
}

fn export(place: &Place, more: &[&str]) -> Ran {
    place.run(&[&["export", "--weights", WEIGHTS], more].concat())
}

fn read(place: &Place, name: &str) -> Vec<u8> {
    fs::read(place.path().join(name)).unwrap()
}

fn card(place: &Place, name: &str) -> Value {
    serde_json::from_slice(&read(place, name)).unwrap()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|w| w == text.as_bytes())
}

#[test]
fn every_model_becomes_onnx_with_a_card_that_says_what_it_is() {
    let mut cases = ModelKind::ALL
        .map(|kind| vec!["--model", kind.name()])
        .to_vec();
    cases.push(vec!["--model", "lenet5-32", "--flavour", "1998"]);
    cases.push(vec!["--model", "lenet5", "--no-normalize"]);
    for more in &cases {
        let (place, summary) = trained(more);
        export(&place, &["-o", "m.onnx"]).ok();
        export(&place, &["--output", "again.onnx", "--format", "onnx"]).ok();
        let file = read(&place, "m.onnx");
        assert!(
            file == read(&place, "again.onnx"),
            "{more:?}: the same bytes"
        );
        assert_eq!(read(&place, "m.json"), read(&place, "again.json"));

        let card = card(&place, "m.json");
        let output = match more[1] {
            "convnet" => "log_probabilities",
            _ => "logits",
        };
        let normalize = match more.last() {
            Some(&"--no-normalize") => Value::Null,
            _ => json!({"mean": 0.1307, "std": 0.3081}),
        };
        let padding = if more[1] == "lenet5-32" { 2 } else { 0 };
        let input = json!({
            "name": "image", "dtype": "float32", "image_shape": [1, 28, 28], "range": [0.0, 1.0],
            "prepared_by": "graph", "padding": padding, "normalize": normalize,
        });
        assert_eq!(card["input"], input, "{more:?}");
        let named = json!({"name": output, "kind": output, "shape": [10]});
        assert_eq!(card["output"], named, "{more:?}");
        let architecture = &card["architecture"];
        assert_eq!(architecture["name"], summary["model"]);
        assert_eq!(architecture["parameters"], summary["parameters"]);
        let flavour = if more.contains(&"1998") {
            "1998"
        } else {
            "modern"
        };
        assert_eq!(architecture["flavour"], flavour);
        for key in ["dataset", "test_accuracy", "seed", "weights_sha256"] {
            assert_eq!(card[key], summary[key], "{more:?}: {key}");
        }
        assert_eq!(card["dataset_sha256"].as_str().unwrap().len(), 64);
        assert_eq!(card["classes"][9], "9");
        assert_eq!(card["notes"], json!([]));

        // What the file is in detail is tested where it is made: here, that it is
        // this model's and carries its card.
        let first = architecture["layers"][0]["name"].as_str().unwrap();
        let weight = format!("{first}.weight");
        let sha256 = card["weights_sha256"].as_str().unwrap();
        for text in ["image", output, &weight, "weights_sha256", sha256] {
            assert!(holds(&file, text), "{more:?}: {text}");
        }
    }
}

#[test]
fn safetensors_are_written_again_as_they_were() {
    let (place, summary) = trained(&["--model", "lenet5-plus", "--seed", "3"]);
    export(&place, &["-o", "w.safetensors"]).ok();
    assert!(read(&place, "w.safetensors") == read(&place, WEIGHTS));
    let card = card(&place, "w.json");
    assert_eq!(card["format"], "safetensors");
    assert_eq!(card["input"]["prepared_by"], "caller");
    assert_eq!(card["input"]["name"], Value::Null);
    assert_eq!(card["weights_sha256"], summary["weights_sha256"]);
}

/// `other.safetensors`: weights of `kind` without metadata, as from PyTorch.
fn write_without_metadata(place: &Place, kind: ModelKind) {
    let parameters = Parameters::new(Key::from_seed(1), &Device::Cpu);
    kind.build(Default::default(), &parameters).unwrap();
    let tensors = parameters.entries().into_iter();
    let tensors: HashMap<String, Tensor> = tensors
        .map(|entry| (entry.name, entry.var.as_tensor().clone()))
        .collect();
    candle_core::safetensors::save(&tensors, place.path().join("other.safetensors")).unwrap();
}

#[test]
fn a_file_that_says_nothing_is_what_the_flags_say() {
    let place = Place::new();
    write_without_metadata(&place, ModelKind::ConvNet);
    let other = ["export", "--weights", "other.safetensors"];
    let args = [&other[..], &["-o", "m.onnx"]].concat();
    place
        .run(&args)
        .fails(1, &["other.safetensors", "`fc3.weight` is missing"]);
    assert!(!place.path().join("m.onnx").exists() && !place.path().join("m.json").exists());

    let model = ["--model", "convnet", "--no-normalize"];
    let ran = place.run(&[&args[..], &model].concat()).ok();
    for part in [
        "other.safetensors says nothing",
        "convnet",
        "--no-normalize",
    ] {
        assert!(ran.stderr.contains(part), "{part} not in: {}", ran.stderr);
    }
    let card = card(&place, "m.json");
    for key in ["dataset", "dataset_sha256", "test_accuracy", "seed"] {
        assert_eq!(card[key], Value::Null, "{key}");
    }
    assert_eq!(card["architecture"]["name"], "convnet");
    assert_eq!(card["input"]["normalize"], Value::Null);
    assert!(card["notes"][0].as_str().unwrap().contains("--model"));

    // As safetensors, the file says from now on what the flags said.
    let args = [&other[..], &["-o", "said.safetensors"], &model].concat();
    place.run(&args).ok();
    let said = weights::metadata(&place.path().join("said.safetensors"));
    let said = said.unwrap().unwrap();
    assert_eq!((said.model.as_str(), said.normalize), ("convnet", None));
    assert_eq!((said.seed, said.test_accuracy), (None, None));
}

#[test]
fn clothes_have_names() {
    let place = Place::new();
    let parameters = Parameters::new(Key::from_seed(1), &Device::Cpu);
    ModelKind::Lenet5
        .build(Default::default(), &parameters)
        .unwrap();
    let metadata = Metadata {
        model: "lenet5".to_owned(),
        dataset: "fashion-mnist".to_owned(),
        ..Metadata::default()
    };
    weights::save(&place.path().join("w.safetensors"), &parameters, &metadata).unwrap();
    let args = ["export", "--weights", "w.safetensors", "-o", "m.onnx"];
    place.run(&args).ok();
    let card = card(&place, "m.json");
    assert_eq!(card["classes"][0], "T-shirt/top");
    assert_eq!(card["classes"][9], "Ankle boot");
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_written() {
    let (place, _) = trained(&[]);
    let before = read(&place, WEIGHTS);
    export(&place, &[]).fails(2, &["--output"]);
    let pickle = ["-o", "m.onnx", "--format", "pickle"];
    export(&place, &pickle).fails(2, &["pickle", "onnx, safetensors"]);
    export(&place, &["-o", "m.pt"]).fails(2, &["m.pt", "--format onnx or safetensors"]);
    export(&place, &["-o", "-", "--format", "onnx"]).fails(2, &["a file's name"]);
    export(&place, &["-o", "m.json", "--format", "onnx"]).fails(2, &["m.json", "card"]);
    let other = ["-o", "m.onnx", "--format", "safetensors"];
    export(&place, &other).fails(2, &["m.onnx", "--format"]);
    for same in [WEIGHTS, "run/../run/model.safetensors"] {
        export(&place, &["-o", same]).fails(2, &[same, "is the --weights file itself"]);
    }
    export(&place, &["-o", "no/m.onnx"]).fails(1, &["no/m.onnx", "there is no folder no"]);
    let folder = ["-o", "run", "--format", "onnx"];
    export(&place, &folder).fails(1, &["--output run", "no file"]);
    let no_weights = ["export", "--weights", "no.safetensors", "-o", "m.onnx"];
    place
        .run(&no_weights)
        .fails(1, &["--weights", "no.safetensors"]);
    export(&place, &["-o", "m.onnx", "--model", "convnet"]).fails(1, &["lenet5", "convnet"]);

    assert!(read(&place, WEIGHTS) == before);
    let left = fs::read_dir(place.path()).unwrap();
    let mut left: Vec<String> = left
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    left.sort();
    assert_eq!(left, ["run"], "nothing was written");
}

#[test]
fn a_file_that_is_no_card_stays_and_a_card_of_another_format_goes_with_a_word() {
    let (place, _) = trained(&[]);
    fs::write(place.path().join("m.json"), "{\"mine\": 1}").unwrap();
    export(&place, &["-o", "m.onnx"]).fails(1, &["m.onnx", "m.json", "move that away"]);
    assert_eq!(read(&place, "m.json"), b"{\"mine\": 1}");
    assert!(!place.path().join("m.onnx").exists());

    for _ in 0..2 {
        let ran = export(&place, &["-o", "x.onnx"]).ok();
        assert_eq!(ran.stderr, "");
    }
    let ran = export(&place, &["-o", "x.safetensors"]).ok();
    assert!(
        ran.stderr.contains("x.json: was the card of the onnx file"),
        "{}",
        ran.stderr
    );
}
