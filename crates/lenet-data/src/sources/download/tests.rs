//! The downloader against servers on this machine: no test needs a network.

use super::super::server::{Answer, Answers, Server};
use super::super::testing::{Notes, gzip, nobody, tiny};
use super::*;

const NAME: DatasetName = DatasetName::Mnist;
const PART: Part = Part::TestLabels;

fn fetch(bases: &[&str], set: &Published) -> Result<(IdxFile, String), String> {
    Mirrors::new(bases, None).fetch(set, PART, &mut ())
}

/// One answer for the file that is fetched.
fn only(answer: Answer) -> Answers {
    [(format!("/{}.gz", PART.file()), answer)].into()
}

#[test]
fn a_file_arrives_whole_and_is_watched() {
    #[derive(Default)]
    struct Seen(Vec<String>, u64);
    impl Watcher for Seen {
        fn download_started(&mut self, file: &str, total: Option<u64>) {
            self.0.push(format!("{file} {total:?}"));
        }
        fn downloaded(&mut self, bytes: u64) {
            self.1 += bytes;
        }
        fn download_finished(&mut self) {
            self.0.push("finished".to_owned());
        }
    }

    let tiny = tiny(NAME, 1);
    let server = Server::start(tiny.answers());
    let mut seen = Seen::default();
    let mut mirrors = Mirrors::new(&[&server.base], None);
    let (file, from) = mirrors.fetch(&tiny.set, PART, &mut seen).unwrap();
    assert_eq!(file.bytes, tiny.file(PART)[8..]);
    assert_eq!(from, server.base);
    let packed = gzip(tiny.file(PART)).len() as u64;
    assert_eq!(
        seen.0,
        [
            format!("t10k-labels-idx1-ubyte.gz Some({packed})"),
            "finished".to_owned()
        ]
    );
    assert_eq!(seen.1, packed);
}

#[test]
fn an_unpacked_body_is_as_good() {
    let tiny = tiny(NAME, 1);
    let server = Server::start(only(Answer::Body(tiny.file(PART).to_vec())));
    let (file, _) = fetch(&[&server.base], &tiny.set).unwrap();
    assert_eq!(file.sum, tiny.set.sum(PART));
}

#[test]
fn each_bad_first_mirror_leads_to_the_second() {
    let tiny = tiny(NAME, 1);
    let packed = gzip(tiny.file(PART));
    let other = gzip(super::super::testing::tiny(NAME, 2).file(PART));
    let bad = [
        (
            Answer::Body(other),
            "is not mnist's t10k-labels-idx1-ubyte: sha256",
        ),
        (Answer::Cut(packed.clone(), packed.len() / 2), ""),
        (Answer::Cut(packed.clone(), 0), ""),
        (
            Answer::Body(packed[..packed.len() / 2].to_vec()),
            "its gzip data is damaged or cut short",
        ),
        (
            Answer::Body(b"<html>log in</html>".to_vec()),
            "is not an IDX file of labels",
        ),
        (Answer::Close, ""),
    ];
    let good = Server::start(tiny.answers());
    for (answer, expected) in bad {
        let server = Server::start(only(answer));
        let alone = fetch(&[&server.base], &tiny.set).unwrap_err();
        assert!(
            alone.starts_with("no mirror has the file (127.0.0.1:"),
            "{alone}"
        );
        assert!(alone.contains(expected), "{alone}");
        let (file, from) = fetch(&[&server.base, &good.base], &tiny.set).unwrap();
        assert_eq!((file.sum, from), (tiny.set.sum(PART), good.base.clone()));
    }
    let empty = Server::start(Answers::new());
    let alone = fetch(&[&empty.base], &tiny.set).unwrap_err();
    assert!(alone.ends_with(": answered 404)"), "{alone}");
    assert_eq!(
        fetch(&[&empty.base, &good.base], &tiny.set).unwrap().1,
        good.base
    );
}

#[test]
fn a_mirror_that_cannot_be_reached_is_asked_once() {
    let tiny = tiny(NAME, 1);
    let good = Server::start(tiny.answers());
    let gone = nobody();
    let mut mirrors = Mirrors::new(&[&gone, &good.base], None);
    for part in Part::ALL {
        assert_eq!(
            mirrors.fetch(&tiny.set, part, &mut ()).unwrap().1,
            good.base
        );
    }
    assert!(matches!(mirrors.mirrors[0].state, State::Silent(_)));
    // One look whether it answers, and then the four files.
    let methods: Vec<String> = good.requests().iter().map(|r| r[..4].to_owned()).collect();
    assert_eq!(methods, ["HEAD", "GET ", "GET ", "GET ", "GET "]);

    // A server that came up at that address would not be asked any more.
    let why = Mirrors::new(&[&gone, &nobody()], None)
        .fetch(&tiny.set, PART, &mut ())
        .unwrap_err();
    assert!(why.starts_with("no network (127.0.0.1:"), "{why}");
}

#[test]
fn a_body_without_end_is_cut_off() {
    struct Endless;
    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            buffer.fill(0);
            Ok(buffer.len())
        }
    }
    let error = receive(Endless, &mut ()).unwrap_err();
    assert!(
        matches!(error, ureq::Error::BodyExceedsLimit(n) if n == MAX_BYTES as u64),
        "{error}"
    );
}

#[test]
fn a_proxy_is_asked_for_what_cannot_be_reached_directly() {
    let tiny = tiny(NAME, 1);
    // `invalid` never resolves (RFC 2606): only the proxy can have answered.
    let proxy = Server::start(Answers::new());
    let through = Proxy::new(&proxy.base).unwrap();
    let result =
        Mirrors::new(&["http://mirror.invalid/"], Some(through)).fetch(&tiny.set, PART, &mut ());
    assert!(result.is_err());
    let requests = proxy.requests();
    assert!(
        requests.iter().any(|r| r.contains("mirror.invalid")),
        "{requests:?}"
    );
}

#[test]
fn the_network_is_settled_in_time() {
    for name in [NAME, DatasetName::FashionMnist] {
        let mirrors = Mirrors::of(name);
        assert!(mirrors.patience * mirrors.mirrors.len() as u32 <= SETTLED);
        assert!(
            mirrors
                .mirrors
                .iter()
                .all(|mirror| mirror.base.ends_with('/'))
        );
        assert_eq!(mirrors.mirrors.len(), 2);
    }
    let mut notes = Notes::default();
    let why = Mirrors::new(&[&nobody()], None)
        .fetch(&tiny(NAME, 1).set, PART, &mut notes)
        .unwrap_err();
    assert!(!why.contains('\n') && notes.0.is_empty(), "{why}");
}
