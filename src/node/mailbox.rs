//! The letters between a shard and the hub: what it is told and asked, what it has to say, and the slots for that. Each letter
//! that a live call may still need has its slot from the beginning; where none is left no call is taken.

use crate::acd::Effect;
use crate::base::Instant;
use crate::base::limits::CALL_LETTERS_MAX;
use crate::node::letter::{Down, Said, Told, Up};
use crate::node::shard::{Offered, Shard};

impl Shard {
    /// A letter of the hub arrived.
    pub fn handle_down(&mut self, now: Instant, down: Down) {
        self.ladders.handle_time(now);
        match down.told {
            Told::Effect(effect) => self.on_effect(now, effect),
            Told::Reload(config, directory) => self.on_reload(now, &config, directory),
            Told::Drain(limit) => self.on_drain(now, limit),
            Told::Peer(peer, up) => self.on_peer_told(now, peer, up),
            Told::Registered(peer, registered) => self.on_phone_told(peer, registered),
            Told::Ask(ticket, ask) => {
                let answer = self.on_ask(now, ask);
                self.answers.push_back((ticket, answer));
            }
            Told::Move(call, queue, by) => self.move_contact(now, call, queue, by),
            Told::Prefer(call, preferred) => {
                if let Some(contact) = self.contact(call) {
                    contact.wishes.set(preferred);
                }
            }
            Told::DeviceLeft { call, agent, epoch } => self.on_device_left(now, call, agent, epoch),
            Told::Guessed(agent, guess) => drop(self.pins.note(now, agent, guess)),
            Told::Dialled(leg, done) => self.on_code_done(now, leg, done),
            Told::Trace(order) => self.on_trace(order),
            Told::Untrace(trace) => self.traces.stop(trace),
            Told::Forget(trace) => self.traces.forget(trace),
            Told::LetGo(bond) => self.let_go(now, &bond),
        }
    }

    /// The next letter for the hub; `now` is the time of the input that made it.
    pub fn poll_up(&mut self, now: Instant) -> Option<Up> {
        let registered = self.registered.pop_front().map(|(peer, registered)| Said::Registered(peer, registered));
        let said = registered.or_else(|| self.commands.pop_front().map(Said::Command));
        // That a PBX is down comes before what follows for the devices behind it: nobody is rung in between.
        let said = said.or_else(|| self.watch.seen.pop_front().map(|(agent, seen)| Said::Seen(agent, seen)));
        let said = said.or_else(|| self.pins.untold.pop_front().map(|(agent, guess)| Said::Guessed(agent, guess)));
        let said = said.or_else(|| self.dialled.pop_front().map(Said::Dialled));
        let said = said.or_else(|| self.answers.pop_front().map(|(ticket, answer)| Said::Answer(ticket, answer)))?;
        self.letters.0 += 1;
        Some(Up { at: now, said })
    }

    /// The hub has taken so many letters of this shard in all.
    pub fn handle_taken(&mut self, letters: u64) {
        self.letters.1 = self.letters.1.max(letters);
    }

    /// True when another contact finds room, and slots for all the letters that it may still need.
    pub(super) fn has_room(&self) -> bool {
        self.contacts.len() < self.calls_max && self.slots_taken() + CALL_LETTERS_MAX < self.slots_max
    }

    /// True when one more letter finds a slot that is not reserved.
    pub(super) fn has_slot(&self) -> bool {
        self.slots_taken() < self.slots_max
    }

    /// Slots of letters under way, and those reserved for live calls and for agents' legs that are being given up.
    fn slots_taken(&self) -> usize {
        let (given, taken) = self.letters;
        let under_way = self.commands.len()
            + self.dialled.len()
            + self.pins.untold.len()
            + self.answers.len()
            + self.registered.len()
            + self.watch.seen.len()
            + given.saturating_sub(taken) as usize;
        under_way + self.contacts.len() * CALL_LETTERS_MAX + self.releasing.len()
    }

    /// What the engine asks for.
    fn on_effect(&mut self, now: Instant, effect: Effect) {
        match effect {
            Effect::Queued { call } => self.on_queued(now, call),
            Effect::Offer { call, agent, epoch, queue, by_name } => {
                self.on_offer(now, call, Offered { agent, epoch, queue, by_name });
            }
            Effect::Unavailable { call, agent } => self.on_unavailable(now, call, agent),
            Effect::CancelOffer { call, agent, epoch, cause } => self.on_cancel_offer(now, call, agent, epoch, cause),
            Effect::Join { call, agent, epoch } => self.on_join(now, call, agent, epoch),
            Effect::FlowOut { call, reason, .. } => self.on_flow_out(now, call, reason),
        }
    }
}
