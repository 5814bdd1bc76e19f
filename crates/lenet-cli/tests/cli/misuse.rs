//! Files and settings that are not what they were taken for.

use super::Place;

#[test]
fn a_checkpoint_in_place_of_weights_is_told_in_one_line() {
    let place = Place::new();
    place.train("run", &[]);
    let checkpoint = "run/checkpoints/last/checkpoint.safetensors";
    let weights: [&[&str]; 3] = [
        &["eval", "--dataset", "sample", "--weights", checkpoint],
        &[
            "inspect",
            "--mistakes",
            "--dataset",
            "sample",
            "--weights",
            checkpoint,
        ],
        &["train", "--dataset", "sample", "--init-from", checkpoint],
    ];
    for args in weights {
        let ran = place.run(args);
        ran.fails(
            1,
            &[
                "checkpoint.safetensors: this is a checkpoint of a run",
                "give RUN/model.safetensors or RUN/checkpoints/best/model.safetensors",
            ],
        );
        assert!(!ran.stderr.contains("conv1"), "{}", ran.stderr);
    }
}

#[test]
fn settings_without_effect_are_told() {
    let place = Place::new();
    let train = |more: &[&str]| {
        let sample = ["train", "--dataset", "sample", "--dry-run", "--quiet"];
        place.run(&[&sample[..], more].concat())
    };
    train(&["--gamma", "0.9"]).fails(2, &["--gamma belongs to --scheduler step, not to none"]);
    train(&["--gamma", "0.9", "--scheduler", "cosine"]).fails(2, &["--gamma", "cosine"]);
    let fine = train(&["--gamma", "0.9", "--scheduler", "step"]).ok();
    assert_eq!(fine.stderr, "");

    train(&["--warmup-epochs", "3", "--epochs", "3"]).fails(2, &["less than --epochs, 3"]);
    let warmup = ["--warmup-epochs", "0.5", "--epochs", "1"];
    assert_eq!(train(&warmup).ok().stderr, "");
    // An epoch of the sample has 133 steps.
    let cut = train(&[&warmup[..], &["--max-steps", "66"]].concat()).ok();
    let expected = "warning: --warmup-epochs 0.5 is 67 steps and the run has 66: the learning \
                    rate does not get to --lr\n";
    assert_eq!(cut.stderr, expected);
}
