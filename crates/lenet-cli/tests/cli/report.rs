//! `lenet report`, and the report at the end of a run.

use std::fs;
use std::path::Path;

use super::data::write_idx;
use super::{Place, Ran};

/// The sections of a run's report.
const SECTIONS: [&str; 7] = [
    "curves",
    "confusion",
    "classes",
    "mistakes",
    "filters",
    "maps",
    "settings",
];

fn read(path: &Path) -> String {
    let page = fs::read_to_string(path).unwrap();
    check(&page);
    page
}

/// Every tag is closed in its turn, nothing comes from elsewhere, and what is seen is told.
#[track_caller]
fn check(page: &str) {
    for foreign in [
        "http:", "https:", "//cdn", "<script", "<link", "url(", "@import",
    ] {
        assert!(!page.contains(foreign), "{foreign} in the report");
    }
    assert!(page.len() < 1_000_000, "{} bytes", page.len());
    let mut open: Vec<&str> = Vec::new();
    let mut ids: Vec<&str> = Vec::new();
    let mut rest = page.strip_prefix("<!DOCTYPE html>").unwrap();
    while let Some((_, after)) = rest.split_once('<') {
        let (tag, after) = after.split_once('>').unwrap();
        assert!(!tag.contains('<'), "<{tag}>");
        rest = after;
        if let Some((_, id)) = tag.split_once(" id=\"") {
            ids.push(id.split('"').next().unwrap());
        }
        let name = tag.split_ascii_whitespace().next().unwrap();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "</{name}>"),
            None if tag.ends_with('/') || ["meta", "br", "img"].contains(&name) => {}
            None => open.push(name),
        }
        if name == "img" {
            assert!(tag.contains(" alt=\""), "<{tag}>");
        }
        if name == "svg" {
            let start = rest.trim_start();
            assert!(start.starts_with("<title"), "<{tag}>{:.40}", start);
        }
    }
    assert_eq!(open, [""; 0]);
    let mut distinct = ids.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), ids.len(), "{ids:?}");
    // What leads somewhere, or is named by something, is there.
    for (start, end) in [("href=\"#", "\""), ("aria-labelledby=\"", "\"")] {
        for part in page.split(start).skip(1) {
            for id in part.split(end).next().unwrap().split(' ') {
                assert!(ids.contains(&id), "{id} of {ids:?}");
            }
        }
    }
}

fn has(page: &str, section: &str) -> bool {
    page.contains(&format!("<section id=\"{section}\""))
}

#[test]
fn a_run_ends_with_its_report_and_it_can_be_made_anew() {
    let place = Place::new();
    // A name that has a meaning in HTML.
    let run = "a&b 'c";
    place.train(run, &["--val-split", "0.9", "--epochs", "1"]);
    let path = place.path().join(run).join("report.html");
    let first = read(&path);
    for section in SECTIONS {
        assert!(has(&first, section), "{section}");
    }
    assert!(first.contains("a&amp;b &#39;c") && !first.contains("a&b"));
    for part in [
        "val-split = 0.9",
        "lenet train --config",
        "(chosen)",
        "validation: ",
        "6 filters of 5×5",
        "S4 (pool2): 16 maps of 4×4",
        "Test image 0, ",
    ] {
        assert!(first.contains(part), "{part}");
    }
    // After five steps there are mistakes enough.
    assert_eq!(first.matches(", read as <b>").count(), 36);

    fs::remove_file(&path).unwrap();
    let ran = place.run(&["report", run]).ok();
    assert_eq!(
        ran.stdout.trim(),
        Path::new(run).join("report.html").display().to_string()
    );
    assert_eq!(read(&path), first);

    let ran = place
        .run(&["report", run, "--digit", "8", "--json", "-o", "8.html"])
        .ok();
    assert_eq!(ran.json()["report"], "8.html");
    assert_eq!(ran.json()["left_out"].as_array().unwrap().len(), 0);
    assert!(read(&place.path().join("8.html")).contains(", 8: read as "));
    let ran = place.run(&["report", run, "--index", "1500"]);
    ran.fails(2, &["--index 1500", "1500 test images"]);
}

#[test]
fn a_run_that_was_stopped_has_a_report_too() {
    let place = Place::new();
    // 850 samples are 14 batches: the second epoch has six of its own.
    let args = [
        "train",
        "--dataset",
        "sample",
        "--val-split",
        "0.9",
        "--max-steps",
        "20",
    ];
    place.run(&[&args[..], &["--out-dir", "run"]].concat()).ok();
    let run = place.path().join("run");
    for file in ["summary.json", "model.safetensors"] {
        fs::remove_file(run.join(file)).unwrap();
    }
    let ran = place.run(&["report", "run"]).ok();
    assert!(ran.stderr.contains("has not ended"), "{}", ran.stderr);
    let page = read(&run.join("report.html"));
    assert!(page.contains("lenet train --resume run"));
    for section in SECTIONS {
        assert!(has(&page, section), "{section}");
    }

    // No weights, and no epoch.
    fs::remove_dir_all(run.join("checkpoints")).unwrap();
    fs::write(run.join("metrics.jsonl"), "").unwrap();
    place.run(&["report", "run"]).ok();
    let page = read(&run.join("report.html"));
    assert!(page.contains("No epoch has ended.") && has(&page, "settings"));
    assert!(!has(&page, "filters") && !has(&page, "confusion"));
}

#[test]
fn without_the_runs_own_data_the_rest_is_there() {
    let place = Place::new();
    let data = place.path().join("digits");
    write_idx(&data);
    place
        .run(&[
            "train",
            "--data-dir",
            "digits",
            "--max-steps",
            "2",
            "--out-dir",
            "run",
        ])
        .ok();
    let report = place.path().join("run/report.html");
    let page = read(&report);
    assert!(has(&page, "confusion"));
    let (_, test) = page.split_once("\nlenet eval ").unwrap();
    let (test, _) = test.split_once("</code>").unwrap();
    let test: Vec<&str> = ["eval"].into_iter().chain(test.split(' ')).collect();
    // As the page says it: the data are found again.
    place.run(&test).ok();

    // Another image: its last byte.
    let images = data.join("t10k-images-idx3-ubyte");
    let mut bytes = fs::read(&images).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&images, bytes).unwrap();
    let ran = place.run(&["report", "run"]).ok();
    assert!(ran.stderr.contains("warning: idx"), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("other data than the run's"),
        "{}",
        ran.stderr
    );
    let page = read(&report);
    assert!(page.contains("other data than the run&#39;s") && has(&page, "filters"));
    assert!(!has(&page, "confusion") && !has(&page, "maps"));

    fs::remove_dir_all(&data).unwrap();
    let ran = place.run(&["report", "run", "--json"]).ok();
    assert_eq!(ran.json()["left_out"].as_array().unwrap().len(), 1);
    write_idx(&place.path().join("moved"));
    place.run(&["report", "run", "--data-dir", "moved"]).ok();
    assert!(has(&read(&report), "confusion"));
    // A folder with other data does not stand before the run's own.
    fs::rename(place.path().join("moved"), &data).unwrap();
    let mut command = place.command(&["report", "run"]);
    let ran = Ran::from(command.env("LENET_DATA_DIR", "run").output().unwrap()).ok();
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
    assert!(has(&read(&report), "confusion"));
}

#[test]
fn what_is_no_run_or_a_damaged_one_is_told_in_a_line() {
    let place = Place::new();
    place.run(&["report"]).fails(2, &[]);
    place
        .run(&["report", "none"])
        .fails(2, &["none: no such folder"]);
    fs::create_dir(place.path().join("empty")).unwrap();
    place
        .run(&["report", "empty"])
        .fails(2, &["empty: no run", "metrics.jsonl"]);

    place.train("run", &[]);
    let run = place.path().join("run");
    let before = fs::read(run.join("report.html")).unwrap();
    for (file, damage, parts) in [
        (
            "metrics.jsonl",
            "{\"epoch\": 1}\n",
            ["metrics.jsonl:1", "missing field"],
        ),
        (
            "config.toml",
            "epochs = \"<b>\"\n",
            ["config.toml:1", "invalid type"],
        ),
        ("config.toml", "epochs = 0\n", ["config.toml", "is 0"]),
        ("model.safetensors", "damaged", ["model.safetensors", ""]),
        ("summary.json", "{}", ["summary.json", "missing field"]),
    ] {
        let path = run.join(file);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, damage).unwrap();
        place.run(&["report", "run"]).fails(1, &parts);
        fs::write(&path, whole).unwrap();
    }
    assert_eq!(fs::read(run.join("report.html")).unwrap(), before);
    place.run(&["report", "run"]).ok();
}

#[test]
fn several_runs_are_compared_on_one_page() {
    let place = Place::new();
    place.train("a", &["--val-split", "0.9"]);
    place.train("b", &["--model", "convnet"]);
    let ran = place.run(&["report", "a", "b", "--json"]).ok();
    assert_eq!(ran.json()["runs"][1]["model"], "convnet");
    let page = read(&place.path().join("report.html"));
    for part in [
        "2 runs compared",
        "b: ",
        "a in training: ",
        "<th scope=\"row\">model</th>",
    ] {
        assert!(page.contains(part), "{part}");
    }
    // What is no report stays.
    let ran = place.run(&["report", "a", "b", "-o", "a/model.safetensors"]);
    ran.fails(2, &["a/model.safetensors", "is no report"]);
    place
        .run(&[
            "eval",
            "--dataset",
            "sample",
            "--weights",
            "a/model.safetensors",
        ])
        .ok();
    place
        .run(&["report", "a", "b", "--digit", "1"])
        .fails(2, &["--digit"]);
}

#[test]
fn a_report_that_cannot_be_written_does_not_fail_the_run() {
    let place = Place::new();
    let path = place.path().join("run/report.html");
    fs::create_dir(place.path().join("run")).unwrap();
    fs::write(&path, "mine").unwrap();
    let args = [
        "train",
        "--dataset",
        "sample",
        "--max-steps",
        "1",
        "--out-dir",
        "run",
    ];
    let ran = place.run(&args).ok();
    assert!(
        ran.stderr.contains("warning: no report: "),
        "{}",
        ran.stderr
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    assert!(place.path().join("run/summary.json").exists());
}
