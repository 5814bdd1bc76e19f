//! What the libraries' errors mean at a command line: their fields are flags here,
//! and some faults have a command that mends them.

use std::error::Error;

use crate::data::GET_DATA;

/// The text of one cause, in the words of the command line.
pub(crate) fn text(cause: &(dyn Error + 'static)) -> String {
    let text = cause.to_string();
    if let Some(error) = cause.downcast_ref::<lenet_data::Error>() {
        return of_data(error, text);
    }
    if let Some(lenet_nn::Error::Mismatch { .. }) = cause.downcast_ref() {
        // Tensors' names stand between backticks, too: one of them may be a field's.
        return text
            .replace("fits `model`", "fits --model")
            .replace("fit `model`", "fit --model");
    }
    match cause.downcast_ref::<lenet_train::Error>() {
        Some(lenet_train::Error::Config(_)) => flags(&text),
        Some(lenet_train::Error::Diverged { .. }) => format!("{text} (--lr)"),
        Some(lenet_train::Error::Data(error)) => of_data(error, text),
        _ => text,
    }
}

fn of_data(error: &lenet_data::Error, text: String) -> String {
    match error {
        lenet_data::Error::Unavailable { .. } => format!("{text}; {GET_DATA}"),
        lenet_data::Error::Damaged { .. } => format!("{text} (`lenet data fetch`)"),
        lenet_data::Error::NoCache(_) => format!("{text}, or give --data-dir"),
        lenet_data::Error::NeedsDataDir => flags(&text),
        _ => text,
    }
}

/// `` `batch_size` `` as `--batch-size`: every second part between backticks, where
/// it is the name of a field.
fn flags(text: &str) -> String {
    let is_field = |name: &str| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let parts = text.split('`').enumerate().map(|(i, part)| match i % 2 {
        0 => part.to_owned(),
        _ if is_field(part) && part != "idx" => format!("--{}", part.replace('_', "-")),
        _ => format!("`{part}`"),
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_fits_is_a_flag_and_a_tensors_name_is_none() {
        let mismatch = |problem: &str| lenet_nn::Error::Mismatch {
            path: "w".into(),
            problems: vec!["`bias` is missing".to_owned(), problem.to_owned()],
        };
        for (problem, expected) in [
            (
                "the file fits `model` convnet",
                "the file fits --model convnet",
            ),
            (
                "would fit `model` convnet: save",
                "would fit --model convnet: save",
            ),
        ] {
            let expected = format!("w: does not fit the model: `bias` is missing; {expected}");
            assert_eq!(text(&mismatch(problem)), expected);
        }
    }

    #[test]
    fn fields_are_flags_and_faults_have_their_commands() {
        use lenet_data::{DatasetName, Error as Data};
        let unavailable = Data::Unavailable {
            name: DatasetName::Mnist,
            why: "no network".to_owned(),
        };
        let config = lenet_train::TrainConfig {
            test_batch_size: 0,
            nesterov: true,
            ..lenet_train::TrainConfig::default()
        };
        let config = config.validate().unwrap_err();
        assert_eq!(
            text(&config),
            "--test-batch-size is 0: expected at least 1; --nesterov needs --optimizer sgd \
             with a --momentum above 0"
        );
        assert_eq!(
            text(&Data::NeedsDataDir),
            "data set `idx` needs a folder with the four IDX files: set --data-dir"
        );
        let expected = format!("mnist: no network; {GET_DATA}");
        assert_eq!(text(&unavailable), expected);
        assert_eq!(text(&lenet_train::Error::from(unavailable)), expected);
    }
}
