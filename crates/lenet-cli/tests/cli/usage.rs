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
        table.contains("[1, 16, 4, 4]") && table.contains("lenet5: 44,426 parameters"),
        "{table}"
    );
}

#[test]
fn a_summary_costs_what_torchinfo_says() {
    let place = Place::new();
    // torchinfo 1.8.0 on the same layers in PyTorch, `summary(model, (N, 1, 28, 28))`:
    // total_mult_adds, total_output_bytes, total_param_bytes. Its total_input counts 64
    // bytes of a Python object beside the 3,136 of an image.
    for (model, n, mult_adds, output, parameters) in [
        ("lenet5", 1, 286_334, 37_552, 177_704),
        ("lenet5", 64, 18_325_376, 2_403_328, 177_704),
        ("lenet5-plus", 1, 5_633_834, 607_824, 546_632),
        ("lenet5-plus", 64, 360_565_376, 38_900_736, 546_632),
        ("convnet", 64, 31_206_400, 3_635_200, 87_360),
    ] {
        let size = n.to_string();
        let args = ["summary", "--model", model, "--batch-size", &size, "--json"];
        let summary = place.run(&args).ok().json();
        assert_eq!(summary["mult_adds"], mult_adds, "{model}");
        assert_eq!(summary["forward_backward_bytes"], output, "{model}");
        assert_eq!(summary["parameter_bytes"], parameters, "{model}");
        assert_eq!(summary["input_bytes"], 3136 * n);
        assert_eq!(summary["total_bytes"], 3136 * n + output + parameters);
        assert_eq!(summary["trainable"], summary["total"]);
    }
    let args = ["summary", "--model", "lenet5-plus", "--batch-size", "64"];
    let table = place.run(&args).ok().stdout;
    let line = |part: &str| -> Vec<&str> {
        let line = table.lines().find(|line| line.contains(part));
        line.unwrap_or_else(|| panic!("{part} not in {table}"))
            .split("  ")
            .map(str::trim)
            .filter(|cell| !cell.is_empty())
            .collect()
    };
    assert_eq!(
        line("├─block1"),
        ["├─block1", "[64, 1, 28, 28]", "[64, 24, 12, 12]"]
    );
    let conv = "│,├─conv2,Conv2d,[64, 24, 26, 26],[64, 24, 24, 24],[3, 3],5,208,191,987,712";
    assert_eq!(line("├─conv2").join(","), conv);
    assert!(table.contains("│  └─drop") && table.contains("\n└─fc2"));
    for total in [
        "mult-adds: 360.57 M",
        "input size (MB): 0.20",
        "forward/backward pass size (MB): 38.90",
        "parameters size (MB): 0.55",
        "estimated total size (MB): 39.65",
    ] {
        assert!(table.contains(total), "{total} not in {table}");
    }
    place
        .run(&["summary", "--batch-size", "0"])
        .fails(2, &["--batch-size"]);
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
    let place_of = |flag| help.find(flag).unwrap();
    assert!(
        place_of("--quiet") > place_of("--dry-run"),
        "own flags first"
    );
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
