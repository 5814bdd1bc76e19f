//! What comes of pictures and pixels, good ones and traps.

use base64::Engine;
use image::{GrayImage, ImageFormat, Luma};
use lenet_tensor::Key;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Place, Serving, encoded, png, seven};

#[test]
fn a_picture_comes_to_what_predict_says() {
    let place = Place::new();
    let picture = png(&seven());
    std::fs::write(place.path().join("seven.png"), &picture).unwrap();
    let expected = place.run(&["predict", "seven.png", "--json"]).ok().json();
    let serving = Serving::start(&place, &[]);
    let answer = serving
        .predict("?layers=true", "image/png", &picture)
        .json();
    assert_eq!(answer["digit"], 7);
    assert_eq!(answer["logits"], expected[0]["logits"]);
    assert_eq!(answer["probabilities"], expected[0]["probabilities"]);
    let layers = answer["layers"].as_array().unwrap();
    let titles: Vec<&Value> = layers.iter().map(|layer| &layer["title"]).collect();
    assert_eq!(titles, ["C1", "S2", "C3", "S4"]);
    for layer in layers {
        let maps = layer["maps"].as_str().unwrap();
        let maps = base64::engine::general_purpose::STANDARD
            .decode(maps)
            .unwrap();
        let shape = layer["shape"].as_array().unwrap().iter();
        let length: u64 = shape.map(|n| n.as_u64().unwrap()).product();
        assert_eq!(maps.len() as u64, length);
        assert_eq!(
            (maps.iter().min(), maps.iter().max()),
            (Some(&0), Some(&255))
        );
    }
    // What was seen comes to the same when it is sent; a client may call a picture anything.
    let pixels = json!({"pixels": answer["seen"]}).to_string();
    let kind = "application/json; charset=utf-8";
    let again = serving
        .predict("?model=lenet5", kind, pixels.as_bytes())
        .json();
    assert_eq!(again["logits"], answer["logits"]);
    assert_eq!(again["layers"], Value::Null);
    let jpeg = encoded(&seven(), ImageFormat::Jpeg);
    let kind = "application/x-www-form-urlencoded";
    assert_eq!(serving.predict("", kind, &jpeg).json()["digit"], 7);
}

#[test]
fn bad_input_has_a_clear_answer_and_the_server_lives() {
    let place = Place::new();
    let serving = Serving::start(&place, &[]);
    let blank = png(&GrayImage::from_pixel(280, 280, Luma([255])));
    let dot = png(&GrayImage::from_pixel(1, 1, Luma([0])));
    // 60000×60000 pixels that a few bytes promise.
    let mut huge = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\xea\x60\0\0\xea\x60\x08\0\0\0\0".to_vec();
    huge.extend(b"\xa5\xb9\x2a\x9e\0\0\0\0IDAT\x35\xaf\x06\x1e");
    let jpeg = encoded(&seven(), ImageFormat::Jpeg);
    let cut = &jpeg[..jpeg.len() - 20];
    let noise = Key::from_seed(1).uniform(10 << 20, 0.0, 256.0);
    let noise: Vec<u8> = noise.iter().map(|&value| value as u8).collect();
    let pixels = |n: usize, value: &str| format!("{{\"pixels\":[{}]}}", vec![value; n].join(","));
    let (few, loud) = (pixels(783, "1"), pixels(784, "256"));
    let (even, words) = (pixels(784, "7.5"), pixels(784, "\"1\""));
    let long = pixels(50_000, "0");
    let picture = png(&seven());
    for (query, kind, body, status, part) in [
        ("", "image/png", &blank[..], 422, "no digit found"),
        ("", "image/png", &dot, 422, "1×1 pixels are too small"),
        (
            "",
            "image/png",
            &huge,
            413,
            "60000×60000 pixels are too many",
        ),
        ("", "image/png", &picture[..200], 422, "cannot be decoded"),
        ("", "image/jpeg", cut, 422, "cut short"),
        (
            "",
            "image/svg+xml",
            b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
            415,
            "an SVG drawing",
        ),
        ("", "text/plain", b"a letter home", 415, "not a picture"),
        ("", "image/png", b"", 415, "an empty file"),
        ("", "image/jpeg", &noise[..8 << 20], 415, "not a picture"),
        ("", "image/jpeg", &noise, 413, "8 MiB at most"),
        (
            "",
            "application/json",
            b"{\"pixels\":[1,2",
            400,
            "makes no sense",
        ),
        ("", "application/json", b"\xff\0", 400, "makes no sense"),
        (
            "",
            "application/json",
            b"{\"pixel\":[]}",
            400,
            "unknown field",
        ),
        (
            "",
            "application/json",
            few.as_bytes(),
            400,
            "783 numbers, expected 784",
        ),
        (
            "",
            "application/json",
            loud.as_bytes(),
            400,
            "pixels[0] is 256",
        ),
        (
            "",
            "application/json",
            words.as_bytes(),
            400,
            "expected f64",
        ),
        (
            "",
            "application/json",
            even.as_bytes(),
            422,
            "no digit found",
        ),
        (
            "",
            "application/json",
            long.as_bytes(),
            413,
            "64 KiB at most",
        ),
        (
            "?model=b",
            "image/png",
            &picture,
            404,
            "no model `b` here: expected one of lenet5",
        ),
        (
            "?layer=true",
            "image/png",
            &picture,
            400,
            "unknown field `layer`",
        ),
        ("?layers=2", "image/png", &picture, 400, "`true` or `false`"),
        ("?model=%FF", "image/png", &noise, 404, "no model"),
    ] {
        serving.predict(query, kind, body).fails(status, part);
    }
    serving.is_alive();
    // The huge picture would have taken 3.6 GB.
    let status = std::fs::read_to_string(format!("/proc/{}/status", serving.child.id()));
    if let Ok(status) = status {
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap();
        let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(peak < 300_000, "{peak} kB");
    }
}

#[test]
fn several_models_go_by_their_files_names() {
    let place = Place::new();
    place.train("a", &[]);
    place.train("b", &["--model", "lenet5-plus"]);
    std::fs::copy(
        place.path().join("b/model.safetensors"),
        place.path().join("plus.safetensors"),
    )
    .unwrap();
    let files = [
        "a/model.safetensors",
        "b/model.safetensors",
        "plus.safetensors",
    ];
    let args: Vec<&str> = files.iter().flat_map(|file| ["--weights", file]).collect();
    let serving = Serving::start(&place, &args);
    let answer = serving.ask("GET /api/model", &[], b"").json();
    let said = |field: &str| -> Vec<Value> {
        let models = answer["models"].as_array().unwrap().iter();
        models.map(|model| model[field].clone()).collect()
    };
    assert_eq!(said("name"), ["model", "model-2", "plus"]);
    assert_eq!(said("model"), ["lenet5", "lenet5-plus", "lenet5-plus"]);
    assert_eq!(said("parameters")[0], 44_426);
    assert_eq!(said("dataset"), ["sample"; 3]);
    assert_eq!(said("weights_sha256")[1], said("weights_sha256")[2]);
    assert_eq!(answer["default"], "model");
    let picture = png(&seven());
    let model = |query: &str| serving.predict(query, "image/png", &picture).json();
    let (first, second) = (model(""), model("?model=model-2&layers=true"));
    assert_eq!(
        (&first["model"], &second["model"]),
        (&json!("model"), &json!("model-2"))
    );
    assert_ne!(first["logits"], second["logits"]);
    let first = &second["layers"][0];
    assert_eq!(first["title"], "C1");
    assert_eq!(first["name"], "block1.relu1");
    let unknown = serving.predict("?model=c", "image/png", &picture);
    unknown.fails(404, "expected one of model, model-2, plus");
}

#[test]
fn whatever_bytes_come_the_fault_is_theirs() {
    let place = Place::new();
    let serving = Serving::start(&place, &[]);
    let picture = png(&seven());
    let jpeg = encoded(&seven(), ImageFormat::Jpeg);
    let starts = prop_oneof![
        Just(Vec::new()),
        Just(b"\x89PNG\r\n\x1a\n".to_vec()),
        Just(b"\xff\xd8\xff".to_vec()),
        Just(b"{\"pixels\":[".to_vec()),
        (0..picture.len()).prop_map(move |length| picture[..length].to_vec()),
        (0..jpeg.len()).prop_map(move |length| jpeg[..length].to_vec()),
    ];
    let kinds = prop_oneof![
        Just("image/png".to_owned()),
        Just("application/json".to_owned()),
        "[a-z]{0,8}/[a-z+;= ]{0,12}",
    ];
    let bytes = prop::collection::vec(any::<u8>(), 0..2000);
    proptest!(ProptestConfig::with_cases(300), |(start in starts, bytes in bytes, kind in kinds)| {
        let answer = serving.predict("?layers=true", &kind, &[start, bytes].concat());
        prop_assert!(answer.status < 500);
    });
    serving.is_alive();
}
