//! What steps touch, `path:/srv/app` or `service:nginx`, and where two of them meet.

use super::model::Step;

/// Undeclared touches overlap everything; a key with a part known only at run time (`{…}`) overlaps its kind.
pub fn touch_overlap(earlier: &Step, later: &Step) -> bool {
    if earlier.touches_undeclared || later.touches_undeclared {
        return true;
    }
    earlier.touches.iter().any(|left| later.touches.iter().any(|right| keys_overlap(left, right)))
}

pub fn keys_overlap(left: &str, right: &str) -> bool {
    let kind = |key: &str| key.split(':').next().unwrap_or_default().to_string();
    if kind(left) != kind(right) {
        return false;
    }
    let pending = left.contains('{') || right.contains('{');
    pending || left == right || (left.starts_with("path:") && (inside(left, right) || inside(right, left)))
}

/// Whether one path lies below the other.
fn inside(folder: &str, path: &str) -> bool {
    let folder = folder.trim_end_matches('/');
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// Paths among the touches, as far as they are known.
pub fn paths(step: &Step) -> impl Iterator<Item = &str> {
    step.touches
        .iter()
        .filter_map(|key| key.strip_prefix("path:"))
        .filter(|path| path.starts_with('/') && !path.contains('{'))
}

pub fn has_paths(step: &Step) -> bool {
    paths(step).next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_overlap_by_kind_path_and_pending_part() {
        let cases = [
            ("path:/srv", "path:/srv/app", true),
            ("path:/srv/app", "path:/srv/application", false),
            ("path:/srv/app", "service:app", false),
            ("path:{to}", "path:/etc/x", true),
            ("service:nginx", "service:nginx", true),
            ("service:nginx", "service:nginx2", false),
        ];
        for (left, right, expected) in cases {
            assert_eq!(keys_overlap(left, right), expected, "{left} {right}");
            assert_eq!(keys_overlap(right, left), expected, "{right} {left}");
        }
    }
}
