//! Reading requests: pages (`?limit=&offset=`) and JSON bodies, with refusals that say what is wrong.

use axum::extract::Query;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::problem::Problem;
use crate::base::limits::ROWS_MAX;

/// Rows of a page when none are asked for.
const ROWS_DEFAULT: usize = 100;

/// A part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    /// Rows to skip.
    pub(super) offset: usize,
    /// Most rows.
    pub(super) limit: usize,
}

/// The answer of an action that was done.
#[derive(Debug, Serialize)]
pub(super) struct Done {
    outcome: &'static str,
}

/// The only [`Done`].
pub(super) const DONE: Done = Done { outcome: "done" };

/// The parameters of a query string in their order, percent-decoded as a form is.
pub(super) fn pairs(query: Option<&str>) -> Result<Vec<(String, String)>, Problem> {
    let query = query.unwrap_or_default();
    let wrong = |why: String| Problem::bad_request(format!("the query cannot be read: {why}"));
    let uri: Uri =
        format!("/?{query}").parse().map_err(|error: axum::http::uri::InvalidUri| wrong(error.to_string()))?;
    let Query(pairs) = Query::try_from_uri(&uri).map_err(|rejection| wrong(rejection.body_text()))?;
    Ok(pairs)
}

/// Reads `limit` (1 to [`ROWS_MAX`]) and `offset` from a query string.
pub(super) fn page(query: Option<&str>) -> Result<Page, Problem> {
    page_of(pairs(query)?)
}

/// The same with `numbers=shown`, for which it is true.
pub(super) fn page_and_numbers(query: Option<&str>) -> Result<(Page, bool), Problem> {
    let (others, shown) = without_numbers(pairs(query)?)?;
    Ok((page_of(others)?, shown))
}

/// Whether `numbers=shown` is asked for, and nothing else is.
pub(super) fn only_numbers(query: Option<&str>) -> Result<bool, Problem> {
    match without_numbers(pairs(query)?)? {
        (others, shown) if others.is_empty() => Ok(shown),
        (others, _) => {
            let key = &others[0].0;
            Err(Problem::bad_request(format!("unknown parameter `{key}`; there is numbers=shown")))
        }
    }
}

/// The parameters but `numbers`, and whether numbers are to be shown in full.
pub(super) fn without_numbers(pairs: Vec<(String, String)>) -> Result<(Vec<(String, String)>, bool), Problem> {
    let (numbers, others): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(key, _)| key == "numbers");
    let shown = match numbers.last().map(|(_, value)| value.as_str()) {
        None | Some("masked") => false,
        Some("shown") => true,
        Some(other) => return Err(Problem::bad_request(format!("numbers is shown or masked, not `{other}`"))),
    };
    Ok((others, shown))
}

fn page_of(pairs: Vec<(String, String)>) -> Result<Page, Problem> {
    let mut page = Page { offset: 0, limit: ROWS_DEFAULT };
    for (key, value) in pairs {
        let number = || value.parse().map_err(|_| Problem::bad_request(format!("{key} is a number, not `{value}`")));
        match key.as_str() {
            "offset" => page.offset = number()?,
            "limit" => page.limit = number()?,
            _ => return Err(Problem::bad_request(format!("unknown parameter `{key}`; there are limit and offset"))),
        }
    }
    if !(1..=ROWS_MAX).contains(&page.limit) {
        return Err(Problem::bad_request(format!("limit is 1 to {ROWS_MAX}")));
    }
    Ok(page)
}

/// Reads a JSON body. Its content type is asked for, so that no web page can make a browser send one unnoticed.
pub(super) fn body<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        let detail = "the body is JSON: send Content-Type: application/json";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    serde_json::from_slice(body).map_err(|error| Problem::bad_request(format!("the body cannot be read: {error}")))
}

/// What an action asks, and why.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked<T> {
    /// The action.
    pub(super) action: T,
    /// `why`: the supervisor's words for the audit line; empty when there are none.
    pub(super) why: String,
}

/// Longest `why`, in bytes: a line of a log.
const WHY_MAX: usize = 200;

/// Reads an action: a JSON object, in which `why` may stand beside whatever the action has.
pub(super) fn asked<T: DeserializeOwned>(headers: &HeaderMap, bytes: &[u8]) -> Result<Asked<T>, Problem> {
    let mut object: serde_json::Map<String, serde_json::Value> = body(headers, bytes)?;
    let why = match object.remove("why") {
        None => String::new(),
        Some(serde_json::Value::String(why)) if why.len() <= WHY_MAX && !why.chars().any(char::is_control) => why,
        Some(_) => return Err(Problem::bad_request(format!("why is at most {WHY_MAX} bytes of printable text"))),
    };
    let action = serde_json::from_value(object.into())
        .map_err(|error| Problem::bad_request(format!("the body cannot be read: {error}")))?;
    Ok(Asked { action, why })
}

/// The node answered another question than was asked.
pub(super) fn strange() -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the engine answered another question")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_bounds() {
        assert_eq!(page(None), Ok(Page { offset: 0, limit: 100 }));
        assert_eq!(page(Some("limit=5&offset=20")), Ok(Page { offset: 20, limit: 5 }));
        for wrong in ["limit=0", "limit=1001", "limit=x", "offset=-1", "page=2"] {
            assert_eq!(page(Some(wrong)).map_err(|problem| problem.status()), Err(StatusCode::BAD_REQUEST));
        }
    }

    #[test]
    fn numbers_are_shown_where_they_are_asked_for() {
        let page = Page { offset: 0, limit: 5 };
        assert_eq!(page_and_numbers(Some("limit=5&numbers=shown")), Ok((page, true)));
        assert_eq!(page_and_numbers(Some("numbers=masked&limit=5")), Ok((page, false)));
        assert!(page_and_numbers(Some("numbers=all")).is_err() && super::page(Some("numbers=shown")).is_err());
    }

    #[test]
    fn parameters_are_decoded_as_a_form_s() {
        let read = pairs(Some("queue=%E9%94%80%E5%94%AE+a%26b&&limit=%33&flag"));
        let pair = |key: &str, value: &str| (key.to_string(), value.to_string());
        assert_eq!(read, Ok(vec![pair("queue", "销售 a&b"), pair("limit", "3"), pair("flag", "")]));
        assert_eq!(pairs(None), Ok(Vec::new()));
        assert_eq!(page(Some("%6Cimit=%35")), Ok(Page { offset: 0, limit: 5 }));
    }

    #[test]
    fn an_action_may_say_why_in_a_line() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
        let read = |text: &str| asked::<std::collections::BTreeMap<String, u32>>(&headers, text.as_bytes());
        let two = |text: &str| read(text).map(|asked| (asked.action["a"], asked.why));
        assert_eq!(two(r#"{"a":1,"why":"short of people"}"#), Ok((1, "short of people".to_string())));
        assert_eq!(two(r#"{"a":1}"#), Ok((1, String::new())));
        let long = "x".repeat(WHY_MAX + 1);
        for wrong in [r#"{"a":1,"why":7}"#, "{\"a\":1,\"why\":\"x\\ny\"}", &format!(r#"{{"why":"{long}"}}"#), "[]"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_body_without_its_content_type_is_refused() {
        let mut headers = HeaderMap::new();
        let read = |headers: &HeaderMap| body::<u32>(headers, b"7").map_err(|problem| problem.status());
        assert_eq!(read(&headers), Err(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        headers.insert(header::CONTENT_TYPE, "application/json; charset=utf-8".parse().unwrap());
        assert_eq!(read(&headers), Ok(7));
    }
}
