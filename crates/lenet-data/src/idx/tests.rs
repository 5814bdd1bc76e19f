//! Round trips, every fault by name, and bytes changed at random.

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::*;

/// An image file of `n` images, unpacked.
fn images(n: usize) -> Vec<u8> {
    let pixels: Vec<u8> = (0..n * PIXELS).map(|i| (i % 251) as u8).collect();
    let mut file = Vec::new();
    write_images(&mut file, &pixels).unwrap();
    file
}

/// A label file, unpacked.
fn labels(labels: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    write_labels(&mut file, labels).unwrap();
    file
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn parse_bytes(kind: Kind, bytes: &[u8]) -> Result<IdxFile> {
    IdxFile::read(kind, Path::new("dir/file"), bytes, bytes.len() as u64)
}

/// The message for `bytes`, less the file's name.
fn fault(kind: Kind, bytes: &[u8]) -> String {
    let message = parse_bytes(kind, bytes).unwrap_err().to_string();
    assert!(!message.contains('\n'), "one line: {message}");
    message.strip_prefix("dir/file: ").unwrap().to_owned()
}

#[test]
fn each_fault_has_its_own_message() {
    let good = images(3);
    let cases: [(Kind, Vec<u8>, &str); 12] = [
        (
            Kind::Images,
            good[..1000].to_vec(),
            "is 1000 bytes long, expected 2368 for the 3 items of its header: the file is cut short",
        ),
        (
            Kind::Images,
            [good.clone(), vec![0]].concat(),
            "has trailing bytes: expected 2368 for the 3 items of its header",
        ),
        (
            Kind::Images,
            gzip(&[good.clone(), vec![0; 9]].concat()),
            "has trailing bytes: expected 2368 for the 3 items of its header",
        ),
        (
            Kind::Images,
            gzip(&good[..1000]),
            "is 1000 bytes long, expected 2368 for the 3 items of its header: the file is cut short",
        ),
        (
            Kind::Images,
            labels(&[1, 2]),
            "this is a label file (magic 2049), expected images (magic 2051): are two files swapped?",
        ),
        (
            Kind::Labels,
            good.clone(),
            "this is an image file (magic 2051), expected labels (magic 2049): are two files swapped?",
        ),
        (
            Kind::Labels,
            labels(&[3, 9, 10]),
            "label 10 at index 2: expected 0 to 9",
        ),
        (
            Kind::Images,
            b"PK\x03\x04".to_vec(),
            "is not an IDX file of images: it starts with 0x504b0304, expected magic 2051 (0x00000803)",
        ),
        (
            Kind::Images,
            good[..10].to_vec(),
            "ends after 10 bytes, within the 16 bytes of its IDX header: the file is cut short",
        ),
        (
            Kind::Labels,
            Vec::new(),
            "ends after 0 bytes, within the 8 bytes of its IDX header: the file is cut short",
        ),
        (
            Kind::Images,
            header(&[2051, 5, 14, 56]),
            "its images are 14×56, expected 28×28",
        ),
        // 2^48 items in all.
        (
            Kind::Images,
            header(&[2051, 1 << 16, 1 << 16, 1 << 16]),
            "its images are 65536×65536, expected 28×28",
        ),
    ];
    for (kind, bytes, expected) in cases {
        assert_eq!(fault(kind, &bytes), expected);
    }
}

fn header(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

#[test]
fn a_header_is_not_believed_before_the_size_is_checked() {
    // 3.4 TB promised by 16 bytes: refused by the size of the file, and where
    // it is packed by the limit.
    let promise = header(&[2051, u32::MAX, 28, 28]);
    assert!(fault(Kind::Images, &promise).starts_with("is 16 bytes long, expected 3367254359296 "));
    assert!(
        fault(Kind::Images, &gzip(&promise))
            .starts_with("its header promises 3367254359296 bytes, more than the 1073741824 ")
    );
    // Below the limit room is made for no more than the file can hold: 1032 of
    // each packed byte; the rest would have to come from real data.
    let promise = gzip(&header(&[2051, 1_000_000, 28, 28]));
    assert!(fault(Kind::Images, &promise).starts_with("is 16 bytes long, expected 784000016 "));
}

#[test]
fn a_bomb_is_read_to_one_byte_past_its_header() {
    let bomb = gzip(&[header(&[2049, 1]), vec![0; 1 << 24]].concat());
    // By how much depends on flate2's backend (100 and more times): another crate
    // of the build may have chosen it.
    assert!(bomb.len() < (1 << 24) / 50, "packs well: {}", bomb.len());
    let error = parse_bytes(Kind::Labels, &bomb).unwrap_err();
    let Error::File {
        fault: Fault::Length { found, .. },
        ..
    } = error
    else {
        panic!("{error}");
    };
    assert_eq!(found, 10);
}

#[test]
fn damaged_gzip_is_told() {
    let packed = gzip(&images(3));
    let cut = &packed[..packed.len() - 9];
    assert!(fault(Kind::Images, cut).starts_with("its gzip data is damaged or cut short ("));
    // The checksum in the trailer, then bytes after it.
    let mut flipped = packed.clone();
    let at = packed.len() - 6;
    flipped[at] ^= 1;
    assert!(fault(Kind::Images, &flipped).starts_with("its gzip data is damaged"));
    let more = [packed.clone(), b"more".to_vec()].concat();
    assert!(fault(Kind::Images, &more).starts_with("its gzip data is damaged"));
    assert!(fault(Kind::Images, &packed[..4]).starts_with("its gzip data is damaged"));
}

#[test]
fn a_missing_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("train-images-idx3-ubyte");
    let error = read_images(&path).unwrap_err().to_string();
    assert_eq!(error, format!("{}: is missing", path.display()));
    let error = read_images(dir.path()).unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("{}: cannot be read: ", dir.path().display())),
        "{error}"
    );
}

#[test]
fn pixels_of_half_an_image_are_not_written() {
    let mut out = Vec::new();
    let error = write_images(&mut out, &[0; 785]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert!(
        error
            .to_string()
            .starts_with("785 bytes of pixels are not whole images")
    );
    assert!(out.is_empty());
}

proptest! {
    #[test]
    fn what_is_written_reads_back(
        images in (0usize..4).prop_flat_map(|n| prop::collection::vec(any::<u8>(), n * PIXELS)),
        labels in prop::collection::vec(0..CLASSES, 0..300),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let [image_path, label_path] = ["images", "labels"].map(|name| dir.path().join(name));
        write_images(File::create(&image_path).unwrap(), &images).unwrap();
        write_labels(File::create(&label_path).unwrap(), &labels).unwrap();
        prop_assert_eq!(&read_images(&image_path).unwrap(), &images);
        prop_assert_eq!(&read_labels(&label_path).unwrap(), &labels);

        let plain = std::fs::read(&image_path).unwrap();
        let packed = gzip(&plain);
        let unpacked = parse_bytes(Kind::Images, &packed).unwrap();
        prop_assert_eq!(unpacked.sum, Sum::of(&[&plain]));
        prop_assert_eq!(unpacked.bytes, images);
    }

    /// A changed byte is refused, or is a pixel or a label and then shows in
    /// the bytes and the hash.
    #[test]
    fn a_changed_byte_never_passes_for_the_same_file(
        at in any::<prop::sample::Index>(),
        change in 1u8..,
        kind in prop::sample::select(vec![Kind::Images, Kind::Labels]),
    ) {
        let good = match kind {
            Kind::Images => images(2),
            Kind::Labels => labels(&[7; 200]),
        };
        let at = at.index(good.len());
        let mut bad = good.clone();
        bad[at] ^= change;
        match parse_bytes(kind, &bad) {
            Err(_) => {}
            Ok(file) => {
                prop_assert!(at >= kind.header_len(), "header byte {} of {:?}", at, kind);
                prop_assert_eq!(&file.bytes, &bad[kind.header_len()..]);
                prop_assert_ne!(file.sum, Sum::of(&[&good]));
            }
        }
    }

    #[test]
    fn a_cut_is_never_accepted(at in any::<prop::sample::Index>(), packed: bool) {
        let file = if packed { gzip(&images(2)) } else { images(2) };
        let cut = &file[..at.index(file.len())];
        prop_assert!(parse_bytes(Kind::Images, cut).is_err());
    }

    /// gzip checks itself: a change there is refused, or was in a byte that
    /// says nothing of the data (time, system), and the data are the same.
    #[test]
    fn a_changed_packed_byte_never_changes_the_data(
        at in any::<prop::sample::Index>(),
        change in 1u8..,
    ) {
        let good = images(2);
        let mut packed = gzip(&good);
        let at = at.index(packed.len());
        packed[at] ^= change;
        if let Ok(file) = parse_bytes(Kind::Images, &packed) {
            prop_assert_eq!(file.sum, Sum::of(&[&good]));
        }
    }

    #[test]
    fn any_bytes_at_all_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200), magic: bool) {
        let start: &[u8] = if magic { &[0, 0, 8, 1] } else { &[0x1f, 0x8b, 8, 0] };
        for bytes in [bytes.clone(), [start, &bytes].concat()] {
            for kind in [Kind::Images, Kind::Labels] {
                if let Ok(file) = parse_bytes(kind, &bytes) {
                    prop_assert_eq!(file.bytes.len() + kind.header_len(), bytes.len());
                }
            }
        }
    }
}
