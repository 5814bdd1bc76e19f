//! One suite for the curves.

use super::*;

fn epochs_of(n: u64, validated: bool) -> Vec<EpochMetrics> {
    let epoch = |epoch: u64| EpochMetrics {
        epoch,
        step: 10 * epoch,
        lr: 0.001,
        train_loss: 1.0 / epoch as f64,
        train_accuracy: 1.0 - 0.5 / epoch as f64,
        val_loss: validated.then(|| 1.5 / epoch as f64),
        val_accuracy: validated.then_some(0.75),
        train_seconds: 1.0,
        samples_per_second: 10.0,
    };
    (1..=n).map(epoch).collect()
}

fn curve<'a>(name: &'a str, metrics: &'a [EpochMetrics]) -> Curve<'a> {
    Curve {
        name,
        metrics,
        chosen: metrics.last().map(|epoch| epoch.epoch),
    }
}

#[test]
fn a_run_has_both_lines_a_title_a_description_and_its_chosen_epoch() {
    let metrics = epochs_of(3, true);
    let svg = svg(Measure::Loss, &[curve("run", &metrics)]).unwrap();
    assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"));
    assert!(!svg.contains("http"), "nothing to fetch: {svg}");
    for part in [
        "Loss over the epochs</title>",
        "training: 1 in epoch 1, 0.3333 in epoch 3, lowest 0.3333 in epoch 3.",
        "validation: 1.5 in epoch 1, 0.5 in epoch 3, lowest 0.5 in epoch 3; chosen: epoch 3.",
    ] {
        assert!(svg.contains(part), "{part} in {svg}");
    }
    // A circle for each epoch and one in the legend, and the ring; triangles likewise.
    assert_eq!(svg.matches("<circle").count(), 3 + 1 + 1);
    assert_eq!(svg.matches("<polygon").count(), 3 + 1);
}

#[test]
fn without_validation_there_is_one_line_and_it_has_the_ring() {
    let metrics = epochs_of(3, false);
    let lines = lines(Measure::Accuracy, &[curve("run", &metrics)]);
    let [line] = &lines[..] else {
        panic!("one line, not {}", lines.len());
    };
    assert_eq!((line.label.as_str(), line.chosen), ("training", Some(3)));
    assert_eq!(line.points[0], (1, 50.0));
}

#[test]
fn several_runs_have_a_colour_a_mark_and_a_name_each() {
    let (long, short) = (epochs_of(30, true), epochs_of(1, false));
    let runs = [curve("a <b>", &long), curve("other", &short)];
    let lines = lines(Measure::Loss, &runs);
    let listed: Vec<&str> = lines
        .iter()
        .filter(|line| line.listed)
        .map(|line| line.label.as_str())
        .collect();
    assert_eq!(listed, ["a <b>", "other"]);
    assert_ne!(lines[1].color, lines[2].color);
    let svg = svg(Measure::Loss, &runs).unwrap();
    assert!(svg.contains("a &lt;b&gt;") && !svg.contains("<b>"));
    assert!(svg.contains("a &lt;b&gt; in training: 1 in epoch 1"));
}

#[test]
fn no_epoch_one_epoch_and_numbers_out_of_all_bounds_do_no_harm() {
    let one = epochs_of(1, true);
    let mut wild = epochs_of(3, true);
    (wild[0].train_loss, wild[1].train_loss) = (f64::MAX, -f64::MAX);
    (wild[0].lr, wild[1].lr) = (5e-324, 0.0);
    wild[2].train_loss = f64::NAN;
    let flat = vec![EpochMetrics {
        train_loss: 0.0,
        lr: 0.0,
        ..one[0].clone()
    }];
    for metrics in [&[][..], &one, &wild, &flat] {
        for measure in Measure::ALL {
            let svg = svg(measure, &[curve("run", metrics)]).unwrap();
            assert!(
                svg.contains("epoch</") || svg.contains("epoch\n</"),
                "{svg}"
            );
            assert!(!svg.contains("NaN"), "{svg}");
        }
    }
    assert!(
        svg(Measure::Loss, &[])
            .unwrap()
            .contains("No epoch has ended.")
    );
}

#[test]
fn numbers_are_short_and_long_names_keep_their_end() {
    for (value, text) in [
        (0.1 + 0.2, "0.3"),
        (0.0, "0"),
        (98.834, "98.83"),
        (1e-5, "1e-5"),
        (2.5e7, "2.5e7"),
    ] {
        assert_eq!(number(value), text);
    }
    let name = "runs/20261124-110118-lenet5-plus";
    assert_eq!(shortened(name), "…24-110118-lenet5-plus");
    assert_eq!(shortened(name).chars().count(), LETTERS);
    assert_eq!(shortened("short"), "short");
}
