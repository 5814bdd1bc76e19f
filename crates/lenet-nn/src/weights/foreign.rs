//! What a file is that is no safetensors, and how to make one of it.

use std::fmt::Display;
use std::path::Path;

/// The reason, for a file with these bytes and with this error of safetensors.
pub(super) fn reason(path: &Path, bytes: &[u8], error: &dyn Display) -> String {
    let what = match kind(bytes) {
        Kind::Empty => "it is empty".to_owned(),
        Kind::Cut { expected } => format!(
            "it is cut short: its header speaks of {expected} bytes, {} are there; fetch or \
             write it again",
            bytes.len()
        ),
        Kind::Pickle => format!(
            "a PyTorch pickle, which can run code when it is read; convert it with {}",
            command(path, FROM_PICKLE)
        ),
        Kind::Numpy => format!(
            "NumPy's format; convert it with {}",
            command(path, FROM_NUMPY)
        ),
        Kind::Other(what) => what.to_owned(),
        Kind::Unknown => return format!("expected safetensors ({error})"),
    };
    format!("expected safetensors; {what}")
}

enum Kind {
    Empty,
    Cut { expected: usize },
    Pickle,
    Numpy,
    Other(&'static str),
    Unknown,
}

/// By the bytes alone: names lie.
fn kind(bytes: &[u8]) -> Kind {
    if bytes.is_empty() {
        return Kind::Empty;
    }
    if let Some(expected) = length(bytes) {
        // Of the right length, something else is wrong with it.
        return if expected > bytes.len() {
            Kind::Cut { expected }
        } else {
            Kind::Unknown
        };
    }
    let text = bytes.trim_ascii_start();
    match bytes {
        [b'P', b'K', 3, 4, ..] if first_in_zip(bytes).ends_with(b".npy") => Kind::Numpy,
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => Kind::Numpy,
        // What torch.save writes today: a zip; before 1.6: pickles of protocol 2; before
        // 0.1.10: a tar.
        [b'P', b'K', 3, 4, ..] | [0x80, 2..=5, ..] => Kind::Pickle,
        _ if bytes.get(257..262) == Some(b"ustar") => Kind::Pickle,
        [b'G', b'G', b'U', b'F', ..] => Kind::Other("this is a GGUF file"),
        [0x89, b'H', b'D', b'F', ..] => Kind::Other("this is HDF5, as Keras writes it"),
        [0x1f, 0x8b, ..] => Kind::Other("this is gzip: unpack it first"),
        // The field `ir_version`, a small number, then the producer's name.
        [0x08, 1..=32, 0x12, ..] => {
            Kind::Other("this is an ONNX graph, which `lenet` writes and does not read")
        }
        _ if text.starts_with(b"<") => {
            Kind::Other("this is a web page: the download went elsewhere")
        }
        _ if text.starts_with(b"version https://git-lfs") => {
            Kind::Other("this is Git LFS's pointer to a file: `git lfs pull` fetches the file")
        }
        _ => Kind::Unknown,
    }
}

/// The name of a zip's first entry.
fn first_in_zip(bytes: &[u8]) -> &[u8] {
    let length = bytes.get(26).copied().unwrap_or_default();
    bytes.get(30..30 + usize::from(length)).unwrap_or_default()
}

/// How long the file should be by its own header, as far as that is there.
fn length(bytes: &[u8]) -> Option<usize> {
    let (size, rest) = bytes.split_first_chunk::<8>()?;
    let size = usize::try_from(u64::from_le_bytes(*size)).ok()?;
    // A header begins with a brace, after eight bytes of a number that is never so large.
    if size > LARGEST_HEADER || !rest.starts_with(b"{") {
        return None;
    }
    let Some(header) = rest.get(..size) else {
        return Some(8 + size);
    };
    let header: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(header).ok()?;
    let ends = header.values().filter_map(|tensor| {
        let end = tensor.get("data_offsets")?.get(1)?.as_u64()?;
        usize::try_from(end).ok()
    });
    (8 + size).checked_add(ends.max().unwrap_or_default())
}

/// As in the crate `safetensors`.
const LARGEST_HEADER: usize = 100_000_000;

/// Also of `{"state_dict": …}`, and of tensors that share their memory.
const FROM_PICKLE: &str = "import sys, torch, safetensors.torch as s; \
     d = torch.load(sys.argv[1], map_location='cpu', weights_only=True); \
     d = d.get('state_dict', d); \
     s.save_file({k: v.contiguous().clone() for k, v in d.items()}, sys.argv[2])";

const FROM_NUMPY: &str = "import sys, numpy, safetensors.numpy as s; \
     s.save_file(dict(numpy.load(sys.argv[1])), sys.argv[2])";

/// The program for Python as one line of a shell, with the file's path and one beside it.
fn command(path: &Path, program: &str) -> String {
    let mut to = path.with_extension("safetensors");
    if to == path {
        to = path.with_extension("converted.safetensors");
    }
    // Between single quotes a shell reads nothing but a single quote.
    let quoted = |path: &Path| format!("'{}'", path.display().to_string().replace('\'', r"'\''"));
    format!("python3 -c \"{program}\" {} {}", quoted(path), quoted(&to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_told_by_what_it_holds() {
        let mut tar = vec![0; 600];
        tar[257..262].copy_from_slice(b"ustar");
        let mut numpy = b"PK\x03\x04".to_vec();
        numpy.resize(26, 0);
        numpy.extend(b"\x0a\0\0\0weight.npy");
        let header = r#"{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
        let mut whole = vec![54, 0, 0, 0, 0, 0, 0, 0];
        whole.extend(header.as_bytes());
        whole.extend(1f32.to_le_bytes());
        // A header's length that begins as a pickle does.
        let cut = b"\x80\x02\0\0\0\0\0\0{\"w\":";
        for (name, bytes, parts) in [
            (
                "a.pt",
                &b"PK\x03\x04.."[..],
                &["PyTorch pickle", "\" 'a.pt' 'a.safetensors'"][..],
            ),
            (
                "it's $HOME.pth",
                b"\x80\x02}q",
                &["PyTorch pickle", r"'it'\''s $HOME.pth'"],
            ),
            (
                "p5.safetensors",
                b"\x80\x05..",
                &["PyTorch pickle", "'p5.converted.safetensors'"],
            ),
            ("old.pt", &tar, &["PyTorch pickle"]),
            ("a.npz", &numpy, &["NumPy", "numpy.load", "'a.npz'"]),
            ("a.npy", b"\x93NUMPY", &["NumPy"]),
            ("a.gguf", b"GGUF\x03", &["GGUF"]),
            ("a.h5", b"\x89HDF\r\n", &["HDF5"]),
            ("a.onnx", b"\x08\x08\x12", &["an ONNX graph"]),
            ("a.safetensors", b"\n<!DOCTYPE html>", &["a web page"]),
            ("a.gz", b"\x1f\x8b\x08", &["gzip"]),
            ("a", b"version https://git-lfs", &["git lfs pull"]),
            ("a.safetensors", b"", &["it is empty"]),
            ("a.safetensors", cut, &["speaks of 648 bytes, 13 are there"]),
            (
                "a.safetensors",
                &whole[..whole.len() - 1],
                &["speaks of 66 bytes, 65 are there"],
            ),
            ("a.safetensors", &whole, &["(why)"]),
            ("a.safetensors", b"\xff\x00", &["(why)"]),
        ] {
            let reason = reason(Path::new(name), bytes, &"why");
            assert!(reason.starts_with("expected safetensors"), "{reason}");
            for part in parts {
                assert!(reason.contains(part), "{name}: {part} not in: {reason}");
            }
            assert!(!reason.contains('\n'));
        }
    }
}
