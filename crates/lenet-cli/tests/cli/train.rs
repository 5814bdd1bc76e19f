//! `lenet train`: results, run folder, reproducibility, exit codes.

use serde_json::Value;

use super::Place;

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
fn a_divergence_keeps_the_weights_that_were_there() {
    let place = Place::new();
    place.train("run", &[]);
    let weights = place.path().join("run/model.safetensors");
    let before = std::fs::read(&weights).unwrap();
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
    place.run(&args).fails(4, &["--lr"]);
    assert_eq!(std::fs::read(&weights).unwrap(), before);
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
        .env("LENET_EPOCHS", "7");
    let settings = super::Ran::from(command.output().unwrap()).ok().json();
    assert_eq!(
        (&settings["seed"], &settings["epochs"], &settings["lr"]),
        (&9.into(), &7.into(), &0.5.into())
    );
}

#[test]
fn no_shuffle_starts_from_the_weights_that_are_given() {
    let place = Place::new();
    let start = place.train("start", &["--seed", "4"]);
    let tiny = [
        "--no-shuffle",
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
