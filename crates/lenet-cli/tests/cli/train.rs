//! `lenet train`: results, run folder, reproducibility, exit codes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use candle_core::Device;
use lenet_data::{Loader, Transform};
use lenet_nn::{Parameters, weights};
use lenet_train::{OptimizerKind, TrainConfig, Trainer};
use serde_json::Value;

use super::Place;
use super::data::write_idx;

#[test]
fn the_summary_is_one_object_and_the_run_folder_is_whole() {
    let place = Place::new();
    let summary = place.train("run", &["--seed", "3"]);
    for (key, expected) in [
        ("dataset", Value::from("sample")),
        ("train_samples", 8500.into()),
        ("test_samples", 1500.into()),
        ("model", "lenet5".into()),
        ("parameters", 44_426.into()),
        ("seed", 3.into()),
        ("epochs", 1.into()),
        ("best_epoch", 1.into()),
        ("run_dir", "run".into()),
    ] {
        assert_eq!(summary[key], expected, "{key}");
    }
    let accuracy = summary["test_accuracy"].as_f64().unwrap();
    let correct = summary["test_correct"].as_u64().unwrap();
    // The last digit of a number may be lost between text and f64.
    assert!((accuracy - correct as f64 / 1500.0).abs() < 1e-12);
    assert!(summary["test_loss"].as_f64().unwrap() > 0.0);
    assert!(summary["train_seconds"].as_f64().unwrap() > 0.0);
    assert_eq!(summary["weights_sha256"].as_str().unwrap().len(), 64);

    let read = |name: &str| std::fs::read_to_string(place.path().join("run").join(name)).unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&read("summary.json")).unwrap(),
        summary
    );
    let metrics = read("metrics.jsonl");
    assert_eq!(metrics.lines().count(), 1);
    let line: Value = serde_json::from_str(&metrics).unwrap();
    for key in [
        "epoch",
        "step",
        "lr",
        "train_loss",
        "train_accuracy",
        "train_seconds",
        "samples_per_second",
    ] {
        assert!(line[key].is_number(), "{key}: {line}");
    }
    assert!(line["val_loss"].is_null() && line["val_accuracy"].is_null());
    assert_eq!(line["step"], 5);
    assert!(place.path().join("run/model.safetensors").is_file());
}

#[test]
fn the_same_seed_gives_the_same_weights_whatever_the_threads_and_the_file_repeats_it() {
    let place = Place::new();
    let hash = |run: &str, more: &[&str]| place.train(run, more)["weights_sha256"].clone();
    let first = hash("a", &["--seed", "1", "--threads", "1"]);
    assert_eq!(hash("b", &["--seed", "1", "--threads", "2"]), first);
    assert_eq!(hash("c", &["--seed", "1", "--threads", "3"]), first);
    assert_ne!(hash("d", &["--seed", "2"]), first);
    // The Sequential is the same network.
    assert_eq!(
        hash("e", &["--seed", "1", "--model", "lenet5-sequential"]),
        first
    );
    let again = place.run(&[
        "train",
        "--config",
        "a/config.toml",
        "--out-dir",
        "f",
        "--json",
    ]);
    assert_eq!(again.ok().json()["weights_sha256"], first);
}

#[test]
fn without_network_or_data_the_sample_is_used_and_said() {
    let place = Place::new();
    let ran = place.run(&["train", "--max-steps", "2", "--json"]).ok();
    assert_eq!(ran.json()["dataset"], "sample");
    assert!(
        ran.stderr.contains("built-in sample") && ran.stderr.contains("lenet data fetch"),
        "{}",
        ran.stderr
    );
    let run = ran.json()["run_dir"].as_str().unwrap().to_owned();
    assert!(run.starts_with("runs") && run.ends_with("-lenet5"), "{run}");
}

#[test]
fn a_validation_split_is_reported_and_chooses() {
    let place = Place::new();
    let more = ["--val-split", "0.2", "--epochs", "2", "--patience", "5"];
    let args = ["train", "--dataset", "sample", "--out-dir", "run", "--json"];
    let summary = place.run(&[&args[..], &more].concat()).ok().json();
    assert_eq!(summary["train_samples"], 6800);
    let metrics = std::fs::read_to_string(place.path().join("run/metrics.jsonl")).unwrap();
    let accuracies: Vec<f64> = metrics
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["val_accuracy"]
                .as_f64()
                .unwrap()
        })
        .collect();
    let best = summary["best_epoch"].as_u64().unwrap() as usize;
    assert_eq!(accuracies.len(), 2);
    assert!(
        accuracies.iter().all(|&a| a <= accuracies[best - 1]),
        "{accuracies:?}, best {best}"
    );
}

#[test]
fn the_exit_code_tells_a_missed_target_and_a_divergence() {
    let place = Place::new();
    let base = [
        "train",
        "--dataset",
        "sample",
        "--max-steps",
        "3",
        "--out-dir",
        "run",
    ];
    let with = |more: &[&str]| place.run(&[&base[..], more].concat());
    with(&["--target-accuracy", "0.999"]).fails(5, &["below the target of 0.999"]);
    assert!(
        place.path().join("run/summary.json").is_file(),
        "the run itself is kept"
    );
    with(&["--target-accuracy", "0.0"]).ok();
    let diverged = with(&["--optimizer", "sgd", "--lr", "1e30"]);
    diverged.fails(4, &["NaN or infinite at step"]);
}

#[test]
fn weights_that_give_no_number_are_a_divergence_and_are_not_saved() {
    let place = Place::new();
    let step = ["--max-steps", "1", "--optimizer", "sgd", "--lr", "1e20"];
    let args = ["train", "--dataset", "sample", "--out-dir", "run"];
    let ran = place.run(&[&args[..], &step].concat());
    ran.fails(4, &["the loss of the evaluated samples is NaN or infinite"]);
    assert!(!place.path().join("run/model.safetensors").exists());
    // The same by way of the held-out samples.
    let held_out = ["--val-split", "0.1", "--out-dir", "other"];
    let ran = place.run(&[&args[..3], &step, &held_out].concat());
    ran.fails(4, &["NaN or infinite"]);
    assert!(!place.path().join("other/model.safetensors").exists());
}

/// Every file of a run, by its path.
fn files(place: &Place, run: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![place.path().join(run)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = std::fs::read(&path).unwrap();
                files.insert(path, bytes);
            }
        }
    }
    files
}

#[test]
fn a_run_that_comes_to_nothing_keeps_what_was_there() {
    let place = Place::new();
    place.train("run", &[]);
    let before = files(&place, "run");
    assert_eq!(before.len(), 6, "{:?}", before.keys());
    let refused = ["train", "--dataset", "sample", "--val-split", "0.00001"];
    place
        .run(&[&refused[..], &["--out-dir", "run"]].concat())
        .fails(2, &["--val-split", "8500 samples"]);
    assert_eq!(files(&place, "run"), before);
    place.run(&refused).fails(2, &["--val-split"]);
    let args = [
        "train",
        "--dataset",
        "sample",
        "--optimizer",
        "sgd",
        "--lr",
        "1e30",
        "--out-dir",
        "run",
    ];
    place.run(&args).fails(4, &["learning rate"]);
    assert_eq!(files(&place, "run"), before);
    place
        .run(&args[..args.len() - 2])
        .fails(4, &["learning rate"]);
    assert!(!place.path().join("runs").exists(), "no folder for nothing");
    // A run that does come to something takes the folder over.
    let summary = place.train("run", &["--seed", "8"]);
    let after = files(&place, "run");
    assert!(before.keys().eq(after.keys()));
    assert!(before.iter().all(|(name, bytes)| after[name] != *bytes));
    assert_eq!(summary["seed"], 8);
}

#[test]
fn an_out_dir_that_cannot_be_is_told_before_training() {
    let place = Place::new();
    std::fs::write(place.path().join("file"), "").unwrap();
    let args = ["train", "--dataset", "sample", "--out-dir", "file/run"];
    let ran = place.run(&args);
    ran.fails(1, &["file/run", "--out-dir"]);
    assert!(!ran.stderr.contains("epoch 1"), "{}", ran.stderr);
}

#[test]
fn a_dry_run_writes_nothing() {
    let place = Place::new();
    let ran = place
        .run(&["train", "--dataset", "sample", "--epochs", "3", "--dry-run"])
        .ok();
    assert!(ran.stdout.contains("epochs = 3") && ran.stdout.contains("dataset = \"sample\""));
    assert!(ran.stderr.contains("nothing written"));
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
}

#[test]
fn variables_stand_between_flags_and_the_file() {
    let place = Place::new();
    std::fs::write(
        place.path().join("c.toml"),
        "seed = 1\nepochs = 4\nlr = 0.5\n",
    )
    .unwrap();
    let mut command = place.command(&[
        "train",
        "--config",
        "c.toml",
        "--seed",
        "9",
        "--dataset",
        "sample",
    ]);
    command
        .args(["--dry-run", "--json"])
        .env("LENET_SEED", "5")
        .env("LENET_EPOCHS", "7")
        .env("LENET_BATCH_SIZE", "");
    let settings = super::Ran::from(command.output().unwrap()).ok().json();
    assert_eq!(
        (&settings["seed"], &settings["epochs"], &settings["lr"]),
        (&9.into(), &7.into(), &0.5.into())
    );
    assert_eq!(settings["batch-size"], 64, "an empty variable is none");
}

#[test]
fn switches_may_be_given_as_variables_in_the_usual_words() {
    let place = Place::new();
    let settings = |variables: &[(&str, &str)]| {
        let args = ["train", "--dataset", "sample", "--dry-run", "--json"];
        let mut command = place.command(&args);
        command.envs(variables.iter().copied());
        super::Ran::from(command.output().unwrap()).ok().json()
    };
    for (word, value) in [("1", true), ("yes", true), ("0", false), ("no", false)] {
        let settings = settings(&[
            ("LENET_OFFLINE", word),
            ("LENET_NORMALIZE", word),
            ("LENET_NO_SHUFFLE", word),
        ]);
        for key in ["offline", "normalize", "no-shuffle"] {
            assert_eq!(settings[key], value, "{key} by {word}");
        }
    }
    let mut command = place.command(&["data", "path"]);
    command.env("LENET_OFFLINE", "1");
    super::Ran::from(command.output().unwrap()).ok();
}

#[test]
fn the_device_is_settled_source_by_source() {
    let place = Place::new();
    std::fs::write(place.path().join("c.toml"), "no-accel = true\n").unwrap();
    let device = |more: &[&str], variable: &str| {
        let args = ["train", "--dataset", "sample", "--dry-run", "--json"];
        let mut command = place.command(&[&args[..], more].concat());
        command.env("LENET_DEVICE", variable);
        super::Ran::from(command.output().unwrap()).ok().json()["device"].clone()
    };
    assert_eq!(device(&["--config", "c.toml"], ""), "cpu");
    assert_eq!(
        device(&["--config", "c.toml", "--device", "auto"], ""),
        "auto"
    );
    assert_eq!(device(&["--config", "c.toml"], "auto"), "auto");
    assert_eq!(device(&["--no-accel"], "cpu"), "cpu");
    assert_eq!(device(&["--no-accel"], "cuda:7"), "cpu");
    assert_eq!(device(&["--device", "auto"], "cuda:7"), "auto");
    assert_eq!(device(&["--no-accel", "--device", "auto"], ""), "auto");
    let mut command = place.command(&["train", "--no-normalize", "--dry-run", "--json"]);
    command
        .env("LENET_NORMALIZE", "1")
        .env("LENET_DATASET", "sample");
    let settings = super::Ran::from(command.output().unwrap()).ok().json();
    assert_eq!(settings["normalize"], false);
}

#[test]
fn a_run_starts_from_the_weights_that_are_given() {
    let place = Place::new();
    let start = place.train("start", &["--seed", "4"]);
    let tiny = [
        "--optimizer",
        "sgd",
        "--lr",
        "1e-12",
        "--init-from",
        "start/model.safetensors",
    ];
    // Steps of 1e-12 move nothing that f32 could tell at this size.
    let kept = place.train("kept", &tiny);
    let distance =
        (start["test_loss"].as_f64().unwrap() - kept["test_loss"].as_f64().unwrap()).abs();
    assert!(distance < 1e-6, "{distance}");
}

#[test]
fn no_shuffle_takes_the_samples_from_the_first_on() {
    let place = Place::new();
    write_idx(&place.path().join("digits"));
    let step = |run: &str, more: &[&str]| {
        let args = [
            "train",
            "--data-dir",
            "digits",
            "--max-steps",
            "1",
            "--json",
        ];
        let sgd = ["--optimizer", "sgd", "--lr", "1", "--batch-size", "8"];
        let all = [&args[..], &sgd, &["--out-dir", run], more].concat();
        let summary = place.run(&all).ok().json();
        let line = std::fs::read_to_string(place.path().join(run).join("metrics.jsonl")).unwrap();
        let metrics: Value = serde_json::from_str(&line).unwrap();
        let loss = metrics["train_loss"].as_f64().unwrap();
        (summary["weights_sha256"].clone(), loss)
    };
    let in_order = step("a", &["--no-shuffle"]);
    let shuffled = step("b", &[]);
    assert_ne!(in_order, shuffled);
    assert_eq!(step("c", &["--no-shuffle"]), in_order);

    // The same step by hand, on the first eight samples of the files.
    let request = lenet_data::Request {
        data_dir: Some(place.path().join("digits")),
        ..Default::default()
    };
    let data = lenet_data::load(&request, &mut ()).unwrap();
    let transform = Transform {
        normalize: Some(data.normalize()),
        padding: 0,
    };
    let first = data.train.subset(&[0, 1, 2, 3, 4, 5, 6, 7]);
    let first = Loader::new(&first, transform, 8).unwrap();
    let config = TrainConfig {
        optimizer: OptimizerKind::Sgd,
        lr: 1.0,
        weight_decay: 0.0,
        ..TrainConfig::default()
    };
    let parameters = Parameters::new(config.key("parameters"), &Device::Cpu);
    let model = config.model.build(config.flavour, &parameters).unwrap();
    let mut optimizer = config.optimizer(&parameters).unwrap();
    let fit = Trainer::new(&*model, &parameters, config.model.loss(), &mut *optimizer)
        .fit(&first, None, &mut ())
        .unwrap();
    assert_eq!(in_order.0, weights::sha256(&parameters).unwrap());
    // The last digit of a number may be lost between text and f64.
    assert!((in_order.1 - fit.epochs[0].train_loss).abs() < 1e-12);
}
