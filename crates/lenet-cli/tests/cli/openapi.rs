//! Whether an answer is as the description of the API says.

use serde_json::Value;

/// The description, as `GET /openapi.json` gives it.
pub(crate) struct OpenApi(pub(crate) Value);

impl OpenApi {
    /// That the answer with this status to `method path` is described, and its JSON as the
    /// schema has it. What no path or method is described for is a failure.
    #[track_caller]
    pub(crate) fn describes(&self, method: &str, path: &str, status: u16, json: Option<&Value>) {
        let path = path.split('?').next().unwrap();
        let path = match path.strip_prefix("/assets/") {
            Some(_) => "/assets/{name}",
            None => path,
        };
        let operation = &self.0["paths"][path][method.to_lowercase()];
        let what = format!("{method} {path} {status}");
        let schema = if operation.is_null() {
            assert!([404, 405, 421].contains(&status), "{what}");
            &self.0["components"]["schemas"]["Failure"]
        } else {
            let response = self.resolve(&operation["responses"][status.to_string()]);
            assert!(response["description"].is_string(), "{what}: not described");
            &response["content"]["application/json"]["schema"]
        };
        match json {
            Some(json) => self.check(schema, json, &what),
            None => assert!(schema.is_null(), "{what}: expected JSON"),
        }
    }

    /// What a `$ref` means.
    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(pointer) => self.0.pointer(&pointer[1..]).unwrap(),
            None => value,
        }
    }

    fn check(&self, schema: &Value, value: &Value, at: &str) {
        let schema = self.resolve(schema);
        let types = match &schema["type"] {
            Value::Array(types) => types.clone(),
            one => vec![one.clone()],
        };
        let fits = types
            .iter()
            .any(|kind| match kind.as_str().unwrap_or_default() {
                "null" => value.is_null(),
                "string" => value.is_string(),
                "number" => value.is_number(),
                "integer" => value.is_u64(),
                "array" => value.is_array(),
                "object" => value.is_object(),
                other => panic!("{at}: type `{other}` of the description"),
            });
        assert!(fits, "{at}: {value} is no {types:?}");
        for (name, bound) in [("minimum", 1.0), ("maximum", -1.0)] {
            if let (Some(limit), Some(value)) = (schema[name].as_f64(), value.as_f64()) {
                assert!(
                    bound * value >= bound * limit,
                    "{at}: {value}, {name} {limit}"
                );
            }
        }
        if let Some(items) = value.as_array() {
            if let Some(length) = schema["minItems"].as_u64() {
                assert_eq!(items.len() as u64, length, "{at}");
            }
            for item in items {
                self.check(&schema["items"], item, &format!("{at}[]"));
            }
        }
        let Some(properties) = schema["properties"].as_object() else {
            return;
        };
        for name in schema["required"].as_array().into_iter().flatten() {
            let there = !value.is_object() || value.get(name.as_str().unwrap()).is_some();
            assert!(there, "{at}: no {name}");
        }
        for (name, value) in value.as_object().into_iter().flatten() {
            let known = properties.get(name);
            let known = known.unwrap_or_else(|| panic!("{at}: {name} is not described"));
            self.check(known, value, &format!("{at}.{name}"));
        }
    }
}
