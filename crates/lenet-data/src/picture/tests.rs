//! The way of a picture, step by step.
