//! Dates: what is read, and every format.

use super::table;

#[test]
fn s5_11_inputs() {
    table(&[
        ("{{ 1715934615 | date }}", "2024-05-17T08:30:15.000000Z"),
        ("{{ '2024-05-17T10:30:15+02:00' | date }}", "2024-05-17T08:30:15.000000Z"),
        ("{{ '2024-05-17T10:30:15+02:00[Europe/Paris]' | date }}", "2024-05-17T08:30:15.000000Z"),
        ("{{ '2024-05-17T10:30:15' | date(timeZone='Europe/Paris') }}", "2024-05-17T10:30:15.000000+02:00"),
        ("{{ '2024-05-17' | date }}", "2024-05-17T00:00:00.000000Z"),
        ("{{ '17/05/2024 08h' | date(existingFormat=\"dd/MM/yyyy HH'h'\", format='sql_seq') }}", "2024-05-17 08:00:00"),
        ("{{ '20240517' | date(existingFormat='yyyyMMdd', format='iso_local_date') }}", "2024-05-17"),
        ("{{ 'May 7, 2024 3:04 PM' | date(existingFormat='MMM d, yyyy h:mm a', format='sql_seq') }}", "2024-05-07 15:04:00"),
        (
            "{{ '2024-05-17 08:30:15.250 +0200' | date(existingFormat='yyyy-MM-dd HH:mm:ss.SSS Z', format='iso') }}",
            "2024-05-17T06:30:15.250000Z",
        ),
        ("{{ '2024-05-17' | date(existingFormat='yyyy-MM-dd[ HH:mm]', format='sql_seq') }}", "2024-05-17 00:00:00"),
        ("{{ '2024-05-17 08:30:15' | date(existingFormat='sql_seq', format='iso_sec') }}", "2024-05-17T08:30:15Z"),
        ("{{ '2024-138' | date(existingFormat='yyyy-DDD', format='iso_local_date') }}", "2024-05-17"),
        ("{{ '2024-13-01' | date }}", "expr::value"),
        ("{{ 'soon' | date }}", "expr::value"),
        ("{{ '17/5' | date(existingFormat='dd/MM') }}", "expr::value"),
        ("{{ '17/05' | date(existingFormat='dd/MM') }}", "expr::value"),
        ("{{ true | date }}", "expr::type"),
        ("{{ 9223372036854775807 | date }}", "expr::value"),
        ("{{ inputs.date | date(timeZone='Mars/Base') }}", "expr::argument"),
        ("{{ inputs.date | date(timeZone='+05:30', format='iso_sec') }}", "2024-05-17T14:00:15+05:30"),
        ("{{ inputs.date | date(timeZone='GMT-3', format='iso_sec') }}", "2024-05-17T05:30:15-03:00"),
    ]);
}

#[test]
fn s5_11_named_formats() {
    let rows = [
        ("iso", "2024-05-17T10:30:15.123456+02:00"),
        ("iso_sec", "2024-05-17T10:30:15+02:00"),
        ("sql", "2024-05-17 10:30:15.123456"),
        ("sql_seq", "2024-05-17 10:30:15"),
        ("iso_date_time", "2024-05-17T10:30:15.123456+02:00[Europe/Paris]"),
        ("iso_date", "2024-05-17+02:00"),
        ("iso_time", "10:30:15.123456+02:00"),
        ("iso_local_date", "2024-05-17"),
        ("iso_local_time", "10:30:15.123456"),
        ("iso_local_date_time", "2024-05-17T10:30:15.123456"),
        ("iso_offset_time", "10:30:15.123456+02:00"),
        ("iso_ordinal_date", "2024-138+02:00"),
        ("iso_week_date", "2024-W20-5+02:00"),
        ("iso_instant", "2024-05-17T08:30:15.123456Z"),
        ("iso_zoned_date_time", "2024-05-17T10:30:15.123456+02:00[Europe/Paris]"),
        ("rfc_1123_date_time", "Fri, 17 May 2024 10:30:15 +0200"),
        ("full", "Friday, May 17, 2024 at 10:30:15 AM Europe/Paris"),
        ("long", "May 17, 2024 at 10:30:15 AM CEST"),
        ("medium", "May 17, 2024, 10:30:15 AM"),
        ("short", "5/17/24, 10:30 AM"),
    ];
    for (format, expected) in rows {
        table(&[(&format!("{{{{ inputs.date | date('{format}', 'Europe/Paris') }}}}"), expected)]);
    }
}

#[test]
fn s5_11_pattern_letters() {
    let rows = [
        ("G", "AD"),
        ("u", "2024"),
        ("yy", "24"),
        ("yyyy", "2024"),
        ("YYYY", "2024"),
        ("D", "138"),
        ("M", "5"),
        ("MM", "05"),
        ("MMM", "May"),
        ("MMMM", "May"),
        ("d", "17"),
        ("Q", "2"),
        ("QQQ", "Q2"),
        ("w", "20"),
        ("E", "Fri"),
        ("EEEE", "Friday"),
        ("e", "5"),
        ("a", "AM"),
        ("h", "10"),
        ("K", "10"),
        ("k", "10"),
        ("HH", "10"),
        ("mm", "30"),
        ("ss", "15"),
        ("S", "1"),
        ("SSS", "123"),
        ("SSSSSSSSS", "123456000"),
        ("A", "37815123"),
        ("n", "123456000"),
        ("VV", "Europe/Paris"),
        ("z", "CEST"),
        ("O", "GMT+2"),
        ("X", "+02"),
        ("XX", "+0200"),
        ("XXX", "+02:00"),
        ("Z", "+0200"),
        ("ZZZZZ", "+02:00"),
        ("yyyy[-MM]", "2024-05"),
        ("''yy", "'24"),
    ];
    for (pattern, expected) in rows {
        table(&[(&format!("{{{{ inputs.date | date(\"{pattern}\", 'Europe/Paris') }}}}"), expected)]);
    }
    table(&[
        ("{{ inputs.date | date(\"yyyy-MM-dd'T'HH:mm:ss.SSSX\") }}", "2024-05-17T08:30:15.123Z"),
        ("{{ inputs.date | date('yyyy-jj') }}", "expr::argument"),
        ("{{ inputs.date | date(\"'open\") }}", "expr::argument"),
        ("{{ inputs.date | date('EEEE d MMMM yyyy', locale='fr') }}", "vendredi 17 mai 2024"),
        ("{{ inputs.date | date('EEE, d. MMM', locale='de_DE') }}", "Fr., 17. Mai"),
        ("{{ inputs.date | date('EEEE MMM MMMMM h a', locale='es-MX') }}", "viernes may M 8 a. m."),
        ("{{ inputs.date | date('MMMM', locale='xx') }}", "expr::argument"),
        ("{{ inputs.date | date('full', locale='fr') }}", "expr::argument"),
        ("{{ inputs.date | date('dd/MM', locale='fr') }}", "17/05"),
    ]);
}

#[test]
fn s5_10_date_add() {
    let rows = [
        ("1, 'NANOS'", "2024-01-31T00:00:00.000000001"),
        ("1, 'SECONDS'", "2024-01-31T00:00:01"),
        ("-1, 'MINUTES'", "2024-01-30T23:59:00"),
        ("2, 'HOURS'", "2024-01-31T02:00:00"),
        ("1, 'HALF_DAYS'", "2024-01-31T12:00:00"),
        ("1, 'DAYS'", "2024-02-01T00:00:00"),
        ("1, 'WEEKS'", "2024-02-07T00:00:00"),
        ("1, 'MONTHS'", "2024-02-29T00:00:00"),
        ("1, 'YEARS'", "2025-01-31T00:00:00"),
        ("1, 'DECADES'", "2034-01-31T00:00:00"),
    ];
    for (amount, expected) in rows {
        table(&[(&format!("{{{{ '2024-01-31' | dateAdd({amount}, format='iso_local_date_time') }}}}"), expected)]);
    }
    table(&[
        ("{{ '2024-01-31' | dateAdd(1, 'days') }}", "expr::argument"),
        ("{{ '2024-01-31' | dateAdd(99999999999, 'YEARS') }}", "expr::value"),
    ]);
}
