//! The keys of one `[user]`.

use super::{At, Key};
use crate::config::draft::UserDraft;
use crate::config::rules::{Password, PasswordHash, Patterns, Ranges, Rule, UserName};

const USERS: &str = "Users";

/// `rule` for the value at `place`.
const fn at<R: Rule>(rule: R, place: fn(&mut UserDraft) -> &mut R::Value) -> At<UserDraft, R> {
    At { rule, place }
}

/// The keys of one `[user]`.
pub(in crate::config) static USER: &[Key<UserDraft>] = &[
    Key {
        name: "name",
        group: USERS,
        field: &at(UserName, |d| &mut d.name),
        default: "",
        unit: "",
        example: "alice",
        meaning: "Required, and different for each user: the name to log in with. As soon as \
                  there is one user, nobody watches without a login.",
    },
    Key {
        name: "password",
        group: USERS,
        field: &at(Password, |d| &mut d.password),
        default: "",
        unit: "",
        example: "open sesame",
        meaning: "Taken literally, as a stream's password is. Either this or password_hash.",
    },
    Key {
        name: "password_hash",
        group: USERS,
        field: &at(PasswordHash, |d| &mut d.password_hash),
        default: "",
        unit: "",
        example: "md5:0116a6e54ed6e7a97c21e82ce4ac82cf",
        meaning: "The digest of NAME:rtsp-relay:PASSWORD, so that the password itself need not \
                  stand here: printf %s 'alice:rtsp-relay:open sesame' | md5sum. md5 serves \
                  auth_methods=digest, sha256 serves digest-sha256, and either serves basic.",
    },
    Key {
        name: "streams",
        group: USERS,
        field: &at(Patterns, |d| &mut d.streams),
        default: "",
        unit: "",
        example: "door,cellar/*",
        meaning: "What the user may watch.",
    },
    Key {
        name: "allow",
        group: USERS,
        field: &at(Ranges, |d| &mut d.allow),
        default: "",
        unit: "",
        example: "10.0.0.0/8,fd00::/8",
        meaning: "Where the user may come from.",
    },
];
