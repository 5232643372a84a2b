//! The builtin `prometheus.query`: one number of a Prometheus server, by its HTTP API. Knows nothing of what it counts.

use serde_json::Value as Json;

use super::builtins::Arguments;
use super::errors::StepError;
use super::http_request::{Exchange, said, with_headers, with_user};

pub async fn run(arguments: &Arguments<'_>) -> Result<Vec<(String, String)>, StepError> {
    let exchange = Exchange::new(arguments, "server")?;
    let query = arguments.text("query")?.unwrap_or_default();
    let asked = exchange.ask(arguments, |client, mut url| {
        let path = format!("{}/api/v1/query", url.path().trim_end_matches('/'));
        url.set_path(&path);
        url.query_pairs_mut().append_pair("query", query.expose());
        with_headers(arguments, with_user(arguments, client.get(url))?)
    });
    let answer = asked.await?;
    // What is no JSON has no status either.
    let json: Json = serde_json::from_str(&answer.body).unwrap_or_default();
    if json.get("status").is_none() {
        let shown = said(arguments, &answer);
        return Err(exchange.failed(format!("status {} and no answer of Prometheus: {shown}", answer.status)));
    }
    let value = number(&json).map_err(|reason| exchange.failed(reason))?;
    Ok(vec![("value".to_string(), value.to_string())])
}

/// The number of an answer that has exactly one.
fn number(json: &Json) -> Result<f64, String> {
    let text = |json: &Json, name: &str| json.get(name).and_then(Json::as_str).unwrap_or_default().to_string();
    if text(json, "status") != "success" {
        return Err(format!("{}: {}", text(json, "errorType"), text(json, "error")));
    }
    let data = json.get("data").unwrap_or(&Json::Null);
    let result = data.get("result").unwrap_or(&Json::Null);
    let sample = match text(data, "resultType").as_str() {
        "scalar" => result,
        "vector" => one_of(result)?.get("value").unwrap_or(&Json::Null),
        "" => return Err("the answer has no result".to_string()),
        other => return Err(format!("the query gives a {other}, expected one number")),
    };
    let found = sample.get(1).and_then(Json::as_str).unwrap_or_default();
    match found.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err(format!("the query gives `{found}`, which is no number to go by")),
    }
}

fn one_of(series: &Json) -> Result<&Json, String> {
    let metric = |series: &Json| series.get("metric").map(Json::to_string).unwrap_or_default();
    match series.as_array().map(Vec::as_slice).unwrap_or_default() {
        [] => Err("the query gives no number: nothing has these labels now".to_string()),
        [only] => Ok(only),
        several @ [first, second, ..] => Err(format!(
            "the query gives {} numbers, expected one: {} and {}; sum(…), max(…) or another label makes it one",
            several.len(),
            metric(first),
            metric(second)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_one_number_or_says_why_not() {
        let vector =
            |result: &str| format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{result}]}}}}"#);
        let series = |name: &str, value: &str| format!(r#"{{"metric":{{"a":"{name}"}},"value":[1,"{value}"]}}"#);
        let cases = [
            (vector(&series("x", "0.25")), "0.25"),
            (vector(&series("x", "1e3")), "1000"),
            (r#"{"status":"success","data":{"resultType":"scalar","result":[1,"-2"]}}"#.to_string(), "-2"),
            (vector(""), "the query gives no number: nothing has these labels now"),
            (
                vector(&format!("{},{}", series("x", "1"), series("y", "2"))),
                "the query gives 2 numbers, expected one: {\"a\":\"x\"} and {\"a\":\"y\"}; sum(…), max(…) or another label makes it one",
            ),
            (vector(&series("x", "NaN")), "the query gives `NaN`, which is no number to go by"),
            (vector(&series("x", "+Inf")), "the query gives `+Inf`, which is no number to go by"),
            (
                r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#.to_string(),
                "the query gives a matrix, expected one number",
            ),
            (r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#.to_string(), "bad_data: parse error"),
            (r#"{"status":"success"}"#.to_string(), "the answer has no result"),
        ];
        for (text, expected) in cases {
            let found = number(&serde_json::from_str(&text).unwrap_or_default());
            assert_eq!(found.map_or_else(|error| error, |value| value.to_string()), expected, "{text}");
        }
    }
}
