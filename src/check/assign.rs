//! Which types fit where. Values known now are checked by `eval::fits` beside this.

use crate::eval::fits::fits_key;
use crate::hir::types::Type;

/// Whether an expression of type `found` may stand where `expected` is wanted.
pub fn accepts(expected: &Type, found: &Type) -> bool {
    match (expected, found) {
        (Type::Error, _) | (_, Type::Error) => true,
        (Type::Optional(_), Type::None) | (Type::None, Type::None) => true,
        (Type::Optional(expected), Type::Optional(found)) => accepts(expected, found),
        (Type::Optional(expected), found) => accepts(expected, found),
        (_, Type::Optional(_) | Type::None) => false,
        (Type::Secret(expected), Type::Secret(found)) => accepts(expected, found),
        (Type::Secret(expected), found) => accepts(expected, found),
        (_, Type::Secret(_)) => false,
        (Type::Refined { base, .. }, found) => accepts(base, found),
        (expected, Type::Refined { base, .. }) => accepts(expected, base),
        (Type::List(expected), Type::List(found)) => accepts(expected, found),
        (Type::Map(key, expected), Type::Map(found_key, found)) => accepts(key, found_key) && accepts(expected, found),
        (Type::Map(key, expected), Type::Record(fields)) => {
            fields.iter().all(|field| fits_key(&field.name, key).is_ok() && accepts(expected, &field.ty))
        }
        (Type::Record(wanted), Type::Record(given)) => wanted.iter().all(|field| {
            let found = given.iter().find(|candidate| candidate.name == field.name);
            found.map_or(field.ty.is_optional(), |found| accepts(&field.ty, &found.ty))
        }),
        (Type::Union(wanted), Type::Union(given)) => given.iter().all(|member| wanted.contains(member)),
        (Type::Hosts(_), Type::Hosts(None) | Type::Host) | (Type::Hosts(None), Type::Hosts(_)) => true,
        (Type::Hosts(expected), Type::Hosts(found)) => expected == found,
        // A text that is known only later is checked against path, url or union when it is known.
        (Type::Path | Type::Url | Type::Text | Type::Union(_), Type::String) => true,
        (Type::String | Type::Text, Type::Path | Type::Url | Type::Union(_) | Type::String) => true,
        (Type::Path, Type::Union(_)) | (Type::Url, Type::Union(_)) => true,
        (Type::Float, Type::Int) => true,
        (Type::Results(expected), Type::Results(found)) => accepts(expected, found),
        (expected, found) => expected == found,
    }
}

/// Whether two values can be compared with `==`.
pub fn comparable(left: &Type, right: &Type) -> bool {
    let (left, right) = (left.core(), right.core());
    accepts(left, right) || accepts(right, left) || matches!(left, Type::None) || matches!(right, Type::None)
}

/// The type of either of two: the common one, optional where one may be absent.
pub fn join(left: &Type, right: &Type) -> Option<Type> {
    match (left, right) {
        (Type::Error, other) | (other, Type::Error) => Some(other.clone()),
        (Type::None, other) | (other, Type::None) => Some(other.clone().optional()),
        // Of an empty list the items are not known yet: those of the next one count.
        (Type::List(left), Type::List(right)) => Some(Type::List(Box::new(join(left, right)?))),
        _ if accepts(left, right) => Some(left.clone()),
        _ if accepts(right, left) => Some(right.clone()),
        _ => None,
    }
}

/// Types that can be written into a text.
pub fn has_text(ty: &Type) -> bool {
    match ty.core() {
        Type::String
        | Type::Text
        | Type::Int
        | Type::Float
        | Type::Bool
        | Type::Duration
        | Type::Size
        | Type::Percent
        | Type::Path
        | Type::Url
        | Type::File
        | Type::Folder
        | Type::Host
        | Type::Hosts(_)
        | Type::Union(_)
        | Type::Error => true,
        Type::List(item) => has_text(item),
        _ => false,
    }
}
