//! The table of `tree_forms` as a JSON Schema, for whoever writes trees. Knows nothing of trees or texts.

use serde_json::{Map, Value as Json, json};

use super::tree_forms::{DEFINITIONS, Definition, Shape, Variant, fields_of};

use Shape::*;

/// The table as a JSON Schema.
pub fn schema() -> Json {
    let definitions: Map<String, Json> = DEFINITIONS
        .iter()
        .map(|definition| {
            let mut variants: Vec<Json> =
                definition.variants.iter().map(|variant| variant_schema(definition, variant)).collect();
            let form = match (variants.len(), variants.pop()) {
                (1, Some(only)) => only,
                (_, last) => json!({ "oneOf": variants.into_iter().chain(last).collect::<Vec<_>>() }),
            };
            (definition.name.to_string(), described(form, definition.about))
        })
        .collect();
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": "urn:opsc:opsc.file-1",
        "title": "opsc.file/1: a program's syntax tree",
        "allOf": [{ "$ref": "#/definitions/file" }],
        "definitions": definitions,
    })
}

fn described(form: Json, about: &str) -> Json {
    let mut object = Map::new();
    object.insert("description".to_string(), json!(about));
    if let Json::Object(form) = form {
        object.extend(form);
    }
    Json::Object(object)
}

fn variant_schema(definition: &'static Definition, variant: &'static Variant) -> Json {
    let fields = fields_of(definition, variant);
    let tag = variant.node.map(|tag| ("node".to_string(), json!({ "description": "Its kind.", "const": tag })));
    let properties: Map<String, Json> = tag
        .into_iter()
        .chain(fields.iter().map(|field| (field.name.to_string(), described(shape_schema(field.shape), field.about))))
        .collect();
    let required: Vec<&str> = variant
        .node
        .map(|_| "node")
        .into_iter()
        .chain(fields.iter().filter(|field| field.required).map(|field| field.name))
        .collect();
    let mut form = json!({
        "type": "object",
        "required": required,
        "additionalProperties": false,
        "properties": properties,
    });
    if let (false, Json::Object(object)) = (variant.one_of.is_empty(), &mut form) {
        let one: Vec<Json> = variant.one_of.iter().map(|name| json!({ "required": [name] })).collect();
        object.insert("oneOf".to_string(), json!(one));
    }
    form
}

fn shape_schema(shape: Shape) -> Json {
    const LABEL: &str = "[A-Za-z_][A-Za-z0-9_]*";
    match shape {
        Text => json!({ "type": "string" }),
        Label => json!({ "type": "string", "pattern": format!("^{LABEL}$") }),
        Dotted => json!({ "type": "string", "pattern": format!("^{LABEL}(\\.{LABEL})*$") }),
        Comment => json!({ "type": "string", "pattern": "^#[^\\n\\r]*$" }),
        Bool => json!({ "type": "boolean" }),
        Int => json!({ "type": "integer" }),
        Word(words) => json!({ "type": "string", "enum": words }),
        // Beside a reference draft 7 reads nothing, so the words go around it.
        Node(name) => json!({ "allOf": [{ "$ref": format!("#/definitions/{name}") }] }),
        List(name) => json!({ "type": "array", "items": { "$ref": format!("#/definitions/{name}") } }),
        Labels => json!({ "type": "array", "items": { "type": "string", "pattern": format!("^{LABEL}$") } }),
    }
}
