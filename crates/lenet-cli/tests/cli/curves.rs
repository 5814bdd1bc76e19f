//! `lenet curves`: runs drawn in characters.

use super::Place;

#[test]
fn runs_share_a_field_and_a_table() {
    let place = Place::new();
    let more = ["--max-steps", "300", "--val-split", "0.1", "--epochs", "3"];
    let sample = ["train", "--dataset", "sample", "--quiet", "--json"];
    let train = |run: &str, more: &[&str]| {
        let args = [&sample[..], &["--out-dir", run], more].concat();
        place.run(&args).ok().json()
    };
    let summary = train("held-out", &more);
    train("plain", &["--epochs", "2", "--scheduler", "cosine"]);

    let drawn = place.run(&["curves", "held-out", "plain"]).ok().stdout;
    let panels: Vec<&str> = drawn.split("\n\n").collect();
    assert_eq!(panels.len(), 4, "{drawn}");
    for (panel, name) in panels.iter().zip(["loss ", "accuracy", "rate "]) {
        assert!(panel.contains(&format!("\n{name}")), "{panel}");
        assert!(panel.contains('^') && panel.contains("epoch 3"), "{panel}");
        assert!(panel.lines().all(|line| line.chars().count() <= 80));
    }
    for (mark, panel, is_there) in [
        ('A', panels[0], true),
        ('b', panels[0], true),
        ('B', panels[0], false),
        ('A', panels[1], true),
        ('A', panels[2], false),
    ] {
        let in_field = |line: &str| line.split('|').nth(1).is_some_and(|row| row.contains(mark));
        assert_eq!(panel.lines().any(in_field), is_there, "{mark} in {panel}");
    }
    let best = format!("{} best ^", summary["best_epoch"]);
    let kept = format!("{} last ^", summary["best_epoch"]);
    let table = panels[3];
    assert!(table.contains(&best) || table.contains(&kept), "{table}");
    assert!(table.contains("b  plain          2 last ^"), "{table}");
    assert!(!drawn.contains('\u{1b}'));
}

#[test]
fn a_single_epoch_is_drawn_and_what_is_no_run_is_named() {
    let place = Place::new();
    place.train("run", &[]);
    let drawn = place.run(&["curves", "run"]).ok().stdout;
    assert!(drawn.contains("|a") && drawn.contains("+^"), "{drawn}");

    place
        .run(&["curves", "run", "none"])
        .fails(2, &["none: no such folder, expected that of a run"]);
    let lines = place.path().join("run/metrics.jsonl");
    let text = std::fs::read_to_string(&lines).unwrap();
    std::fs::write(&lines, text + "{}\n").unwrap();
    place
        .run(&["curves", "run"])
        .fails(1, &["metrics.jsonl:2: no line of metrics: missing field"]);
    place.run(&["curves"]).fails(2, &["RUN"]);
}
