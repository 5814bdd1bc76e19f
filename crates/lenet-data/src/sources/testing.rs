//! For tests: a tiny published set, and what is noticed while it is loaded.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::Watcher;
use crate::hash::Sum;
use crate::idx;
use crate::mnist::{Kind, PIXELS, Part, Published};
use crate::name::DatasetName;

/// A set of 6 training and 4 test images, its files unpacked.
pub(super) struct Tiny {
    pub(super) files: [Vec<u8>; 4],
    pub(super) set: Published,
}

/// The set that `seed` makes, published under `name`.
pub(super) fn tiny(name: DatasetName, seed: u8) -> Tiny {
    let files = Part::ALL.map(|part| {
        let n = if matches!(part, Part::TrainImages | Part::TrainLabels) {
            6
        } else {
            4
        };
        let mut file = Vec::new();
        match part.kind() {
            Kind::Images => {
                let pixels: Vec<u8> = (0..n * PIXELS).map(|i| (i % 199) as u8 ^ seed).collect();
                idx::write_images(&mut file, &pixels).unwrap();
            }
            Kind::Labels => {
                let labels: Vec<u8> = (0..n as u8).map(|i| (i + seed) % 10).collect();
                idx::write_labels(&mut file, &labels).unwrap();
            }
        }
        file
    });
    let sums = files.each_ref().map(|file| Sum::of(&[file]));
    Tiny {
        files,
        set: Published { name, sums },
    }
}

impl Tiny {
    pub(super) fn file(&self, part: Part) -> &[u8] {
        &self.files[part as usize]
    }

    /// Writes the four files into `dir`, unpacked.
    pub(super) fn write(&self, dir: &Path) {
        fs::create_dir_all(dir).unwrap();
        for part in Part::ALL {
            fs::write(dir.join(part.file()), self.file(part)).unwrap();
        }
    }
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// What is noticed while loading, as lines.
#[derive(Default)]
pub(super) struct Notes(pub(super) Vec<String>);

impl Watcher for Notes {
    fn note(&mut self, line: &str) {
        self.0.push(line.to_owned());
    }
}

/// An address at which nothing listens.
pub(super) fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/", listener.local_addr().unwrap())
}
