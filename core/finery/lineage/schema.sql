-- Who went where and why. Rows belong to an artifact (what a stage left, named by its fingerprint), because runs share
-- artifacts; `stages` says which run used which. Kept records need no row. Times are UTC.
create table runs (
    run varchar primary key, name varchar, status varchar, started timestamp, seconds double,
    pipeline json, versions json);
-- The `finery.lock` of a run, as it was written; `faults` is how the environment differed where the run was told to go on.
create table locks (run varchar primary key, held boolean, faults json, lock varchar);
create table stages (
    run varchar, position integer, stage varchar, hook varchar, plugin varchar, package varchar,
    artifact varchar, reused boolean, why varchar, done boolean);
create table artifacts (
    artifact varchar primary key, stage varchar, hook varchar, plugin varchar, package varchar,
    options json, seconds double, manifest json);
-- What an artifact was made from: `mark` names the records of a source as they came in, or the model, and `after` those
-- of the source as they came out.
create table inputs (artifact varchar, source varchar, mark varchar, after varchar);
-- Counts: `kind` is fate (in, kept, dropped, merged, failed, born), reason, cut (records, characters, passages), or
-- tally (what a plugin counted).
create table tallies (artifact varchar, source varchar, kind varchar, name varchar, count bigint);
create table metrics (artifact varchar, name varchar, value double, step bigint, source varchar);
-- One record's fate at one stage; sorted by record within an artifact, which makes a look-up a matter of milliseconds.
create table decisions (
    artifact varchar, record uuid, reason varchar, value double, bound double, other uuid, detail varchar);
-- Records that stayed and lost passages to others: how many characters, and the record that stands for most of them.
create table cuts (artifact varchar, record uuid, characters bigint, other uuid);
create table origins (artifact varchar, record uuid, source varchar, file varchar, line bigint);
create table parents (artifact varchar, child uuid, parent uuid);
-- Sorted by record within an artifact, like decisions.
create table steps (artifact varchar, step bigint, rank integer, record uuid, start bigint, length bigint);
-- What a record cost in an epoch, in nats a token; sorted by record. Epoch 0: by a model that had not seen the record.
create table losses (artifact varchar, record uuid, epoch integer, loss double, tokens bigint);
create table items (artifact varchar, item varchar, source varchar, measures json);
-- What was forecast of a stage before it ran, and on which machine: `measure` is `seconds` and `peak_bytes`, and what
-- these were worked out from (`steps`, `tokens`, `flop`, ...). What became of it stands in `artifacts.seconds` and in
-- `metrics`: `train_seconds`, `peak_bytes`, `tokens_per_second`, `records_per_second`.
create table forecasts (run varchar, stage varchar, artifact varchar, machine varchar, measure varchar, value double);
