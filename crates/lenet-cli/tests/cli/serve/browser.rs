//! What a browser is given and held to, and that each path is as described.

use serde_json::Value;

use super::{Place, Serving, png, seven};

#[test]
fn a_browser_gets_the_page_and_nothing_from_elsewhere() {
    let place = Place::new();
    let serving = Serving::start(&place, &[]);
    let page = serving.ask("GET /", &[], b"");
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-cache"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
    ] {
        assert_eq!(page.header(name), Some(value));
    }
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"),
        "{policy}"
    );
    assert!(
        policy.ends_with("form-action 'none'; frame-ancestors 'none'"),
        "{policy}"
    );
    // Each file that the page and its scripts name is there.
    let mut files = named(&page.body, "assets/");
    assert!(!files.is_empty());
    let mut at = 0;
    while let Some(file) = files.get(at).cloned() {
        let answer = serving.ask(&format!("GET /assets/{file}"), &[], b"");
        let kind = match file.rsplit('.').next().unwrap() {
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "svg" => "image/svg+xml",
            other => panic!("a file of another kind, {other}"),
        };
        let found = (answer.status, answer.header("content-type"));
        assert_eq!(found, (200, Some(kind)), "{file}");
        let imported = named(&answer.body, "\"./");
        files.extend(
            imported
                .into_iter()
                .filter(|file| !files.contains(file))
                .collect::<Vec<_>>(),
        );
        at += 1;
    }
}

/// What follows `before` in a file, up to the quote.
fn named(file: &[u8], before: &str) -> Vec<String> {
    let text = std::str::from_utf8(file).unwrap();
    let names = text.split(before).skip(1);
    names
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect()
}

#[test]
fn every_path_and_method_has_its_answer() {
    let place = Place::new();
    let serving = Serving::start(&place, &[]);
    let Value::Object(paths) = &serving.api.0["paths"] else {
        panic!("no paths");
    };
    for (path, operations) in paths {
        let path = path.replace("{name}", "style.css");
        let (right, wrong) = match operations.get("get") {
            Some(_) => ("GET", "DELETE"),
            None => ("POST", "GET"),
        };
        let answer = serving.ask(&format!("{right} {path}"), &[], &png(&seven()));
        assert_eq!(answer.status, 200, "{path}");
        let answer = serving.ask(&format!("{wrong} {path}"), &[], b"");
        answer.fails(405, &format!("expected {right}"));
        assert!(answer.header("allow").unwrap().starts_with(right), "{path}");
        let head = serving.ask(&format!("HEAD {path}"), &[], b"");
        assert_eq!(
            head.status,
            if right == "GET" { 200 } else { 405 },
            "{path}"
        );
    }
    for path in [
        "/nothing",
        "/assets/",
        "/assets/nothing.js",
        "/assets/%2e%2e/x",
        "/api",
    ] {
        serving
            .ask(&format!("GET {path}"), &[], b"")
            .fails(404, "no such");
    }
    assert_eq!(serving.api.0["info"]["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn another_machines_name_is_refused_unless_others_may_ask() {
    let place = Place::new();
    let serving = Serving::start(&place, &[]);
    let port = serving.address.rsplit(':').next().unwrap();
    for host in ["attacker.example", "192.168.0.1", ""] {
        let answer = serving.ask("GET /api/model", &[("Host", host)], b"");
        answer.fails(421, "127.0.0.1 or localhost");
    }
    let host = format!("localhost:{port}");
    assert_eq!(serving.ask("GET /", &[("Host", &host)], b"").status, 200);

    let mut open = Serving::start(&place, &["--host", "0.0.0.0"]);
    open.wait_for("warning: listening on 0.0.0.0:");
    assert!(open.address.starts_with("http://0.0.0.0:"));
    let port = open.address.rsplit(':').next().unwrap();
    open.address = format!("http://127.0.0.1:{port}");
    assert_eq!(
        open.ask("GET /", &[("Host", "lab.example")], b"").status,
        200
    );
}
