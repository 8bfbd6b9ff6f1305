use crate::{error::Result, row::Contest};

/// The raw figures of a contest: one pair per round.
pub struct Measured {
    pub ours: Named,
    pub peer: Named,
}

pub struct Named {
    pub name: String,
    pub version: String,
    pub rounds: Vec<f64>,
}

/// Runs both once unmeasured (files get cached, images loaded), then in turns. Who goes first changes every round, so that
/// neither always runs on the machine that the other has left behind.
pub fn rounds(contest: &Contest, count: usize) -> Result<Measured> {
    (contest.ours.run)()?;
    (contest.peer.run)()?;
    let (mut ours, mut peer) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for round in 0..count {
        if round % 2 == 0 {
            ours.push((contest.ours.run)()?);
            peer.push((contest.peer.run)()?);
        } else {
            peer.push((contest.peer.run)()?);
            ours.push((contest.ours.run)()?);
        }
    }
    let named =
        |contestant: &crate::row::Contestant, rounds| Named { name: contestant.name.clone(), version: contestant.version.clone(), rounds };
    Ok(Measured { ours: named(&contest.ours, ours), peer: named(&contest.peer, peer) })
}

/// The middle one; of an even number the mean of the middle two.
pub fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => sorted[count / 2],
        count => f64::midpoint(sorted[count / 2 - 1], sorted[count / 2]),
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, rc::Rc};

    use super::{median, rounds};
    use crate::row::{Contest, Contestant};

    #[test]
    fn median_is_the_middle() {
        for (figures, middle) in [(vec![3.0, 1.0, 2.0], 2.0), (vec![4.0, 1.0, 2.0, 3.0], 2.5), (vec![7.0], 7.0)] {
            assert_eq!(median(&figures), middle);
        }
    }

    #[test]
    fn both_run_in_turns_and_the_first_changes() {
        let order = Rc::new(RefCell::new(String::new()));
        let contestant = |letter: char| {
            let order = Rc::clone(&order);
            Contestant::new(letter, "1", move || {
                order.borrow_mut().push(letter);
                Ok(1.0)
            })
        };
        let measured = rounds(&Contest { ours: contestant('a'), peer: contestant('b') }, 3).unwrap();
        assert_eq!(order.borrow().as_str(), "ab ab ba ab".replace(' ', ""));
        assert_eq!((measured.ours.rounds.len(), measured.peer.rounds.len()), (3, 3));
    }
}
