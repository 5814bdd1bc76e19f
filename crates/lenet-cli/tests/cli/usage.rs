//! Command lines that make no sense, and commands that need no data.

use std::process::Stdio;

use super::Place;

#[test]
fn what_makes_no_sense_is_usage() {
    let place = Place::new();
    let train = |more: &[&str]| place.run(&[&["train", "--dataset", "sample"], more].concat());
    train(&["--model", "lenet6"]).fails(2, &["lenet6", "lenet5-sequential"]);
    train(&["--batch-size", "0"]).fails(2, &["--batch-size is 0: expected at least 1"]);
    train(&["--epochs", "0", "--lr", "0"]).fails(2, &["--epochs is 0", "--lr is 0"]);
    train(&["--lr", "-1", "--momentum", "-0.5"]).fails(
        2,
        &[
            "--lr is -1: expected a number above 0",
            "--momentum is -0.5",
        ],
    );
    let beyond_toml = "9223372036854775808";
    train(&["--seed", beyond_toml]).fails(
        2,
        &["--seed is 9223372036854775808: expected at most 9223372036854775807"],
    );
    train(&["--epochs", "-1"]).fails(2, &["'-1' for '--epochs"]);
    train(&["--config", "no.toml"]).fails(1, &["--config no.toml", "expected a TOML file"]);
    train(&["--optimizer", "rmsprop"]).fails(2, &["expected adam, adamw or sgd"]);
    train(&["--target-accuracy", "98"]).fails(2, &["from 0 to 1"]);
    train(&["--threads", "0"]).fails(2, &["from 1 to 1024"]);
    train(&["--device", "gpu"]).fails(2, &["expected auto, cpu, cuda or cuda:N"]);
    train(&["--flavour", "1998"]).fails(2, &["belongs to --model lenet5-32"]);
    place
        .run(&["train", "--dataset", "cifar"])
        .fails(2, &["cifar", "fashion-mnist"]);
    place
        .run(&["train", "--dataset", "idx"])
        .fails(2, &["--data-dir"]);
    assert_eq!(
        std::fs::read_dir(place.path()).unwrap().count(),
        0,
        "nothing was written"
    );
}

#[test]
fn summaries_tell_layers_shapes_and_totals() {
    let place = Place::new();
    for (model, total) in [
        ("lenet5", 44_426),
        ("lenet5-32", 61_706),
        ("convnet", 21_840),
    ] {
        let summary = place
            .run(&["summary", "--model", model, "--json"])
            .ok()
            .json();
        assert_eq!(summary["total"], total);
        let layers = summary["layers"].as_array().unwrap();
        let sum: u64 = layers
            .iter()
            .map(|layer| layer["parameters"].as_u64().unwrap())
            .sum();
        assert_eq!(sum, total);
        assert_eq!(layers[0]["name"], "conv1");
        assert_eq!(
            layers.last().unwrap()["output_shape"],
            serde_json::json!([10])
        );
    }
    let table = place.run(&["summary"]).ok().stdout;
    assert!(table.contains("runs with conv2"), "{table}");
    assert!(
        table.contains("[16, 4, 4]") && table.contains("lenet5: 44,426 parameters"),
        "{table}"
    );
}

/// Runs with stdout at `out`.
fn run_into(place: &Place, args: &[&str], out: impl Into<Stdio>) -> super::Ran {
    let mut command = place.command(args);
    let child = command.stdout(out).stderr(Stdio::piped()).spawn();
    super::Ran::from(child.unwrap().wait_with_output().unwrap())
}

#[test]
#[cfg(target_os = "linux")]
fn a_result_that_cannot_be_written_is_a_failure_and_a_reader_that_left_is_none() {
    let place = Place::new();
    let commands: [&[&str]; 4] = [
        &["completions", "bash"],
        &["summary"],
        &["summary", "--json"],
        &["train", "--dataset", "sample", "--dry-run"],
    ];
    for args in commands {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
        run_into(&place, args, full.unwrap()).fails(1, &["stdout", "No space left"]);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        run_into(&place, args, writer).ok();
    }
}

#[test]
fn quiet_shows_no_progress_but_that_the_data_are_others() {
    let place = Place::new();
    let args = ["train", "--max-steps", "1", "--quiet", "--dry-run"];
    let ran = place.run(&args).ok();
    let lines: Vec<&str> = ran.stderr.lines().collect();
    assert!(
        lines.len() == 1
            && lines[0].starts_with("warning: ")
            && lines[0].contains("built-in sample"),
        "{lines:?}"
    );
}

#[test]
fn a_name_that_is_wrong_is_usage_in_every_command() {
    let place = Place::new();
    place
        .run(&["summary", "--flavour", "1998"])
        .fails(2, &["1998", "lenet5-32"]);
    place
        .run(&["summary", "--model", "lenet6"])
        .fails(2, &["lenet6"]);
    place.train("run", &[]);
    let eval = [
        "eval",
        "--dataset",
        "sample",
        "--weights",
        "run/model.safetensors",
    ];
    place
        .run(&[&eval[..], &["--model", "lenet6"]].concat())
        .fails(2, &["lenet6"]);
}

#[test]
fn completions_and_help_are_there() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        assert!(
            place
                .run(&["completions", shell])
                .ok()
                .stdout
                .contains("lenet")
        );
    }
    let help = place.run(&["train", "--help"]).ok().stdout;
    for flag in [
        "--init-from",
        "--max-steps",
        "--no-shuffle",
        "--target-accuracy",
        "--dry-run",
    ] {
        assert!(help.contains(flag), "{flag}");
    }
}

#[test]
fn vectors_that_there_are_not_are_told() {
    let place = Place::new();
    let with = |simd: &str| {
        let mut command = place.command(&["summary", "-q"]);
        super::Ran::from(command.env("LENET_SIMD", simd).output().unwrap())
            .ok()
            .stderr
    };
    assert!(with("sse9").contains("warning: LENET_SIMD=sse9: not on this machine"));
    assert_eq!(with("portable"), "");
}
