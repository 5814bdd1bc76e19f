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
