"""Credit notes of prepaid invoices: money that goes back of what was paid for a resource."""

from collections import Counter
from collections.abc import Sequence

from services.billing.domain.refunds import CreditNote, creditable
from services.billing.store import orders, payments, resources
from shared.database import Connection
from shared.messages import NotYet, Refused, Said
from shared.messages.billing import RefundReserve, RefundReserved


async def refund_reserve(commands: Sequence[RefundReserve], db: Connection) -> list[Said]:
    """Keep what credit notes are to give back, as far as it is left of the money that went in
    (domain 6).

    Resources are held as by what gives unused value back: of the two only one takes what is left.
    """
    held = await resources.lock_resources(db, [one.resource_id for one in commands])
    items = await orders.find_items(db, {(one.order_id, one.item_id) for one in commands})
    left = dict(
        await payments.find_money_left(db, [(one.account_id, one.resource_id) for one in commands])
    )
    notes = await payments.find_credit_notes(
        db,
        [one.credit_note_id for one in commands],
        {(one.account_id, one.order_id, one.item_id) for one in commands},
    )
    known = {note.credit_note_id: note for note in notes}
    credited = Counter[tuple[str, str]]()
    for note in notes:
        credited[note.order_id, note.item_id] += note.given_back
    said: list[Said] = []
    reserved: list[CreditNote] = []
    for command in sorted(commands, key=lambda one: (one.time, one.credit_note_id)):
        item_key = command.order_id, command.item_id
        item, note = items.get(item_key), _note(command)
        if (earlier := known.get(note.credit_note_id)) is not None:
            said.append(_reserved(command) if note.is_like(earlier) else _reused(command))
        elif command.resource_id not in held:
            said.append(NotYet(command, "unknown_resource"))
        elif item is None:
            said.append(NotYet(command, "unknown_order"))
        elif item.outcome is None:
            said.append(NotYet(command, "item_not_concluded"))
        elif note.given_back > (
            most := creditable(item.amount, credited[item_key], left, command.resource_id)
        ):
            detail = f"only {most} of what was paid for {command.item_id} can be credited"
            said.append(Refused(command, "exceeds_invoice", detail))
        else:
            known[note.credit_note_id] = note
            credited[item_key] += note.given_back
            left[command.resource_id, "credit"] -= note.given_back
            reserved.append(note)
            said.append(_reserved(command))
    await payments.append_credit_notes(db, reserved)
    return said


def _note(command: RefundReserve) -> CreditNote:
    return CreditNote(
        account_id=command.account_id,
        credit_note_id=command.credit_note_id,
        order_id=command.order_id,
        item_id=command.item_id,
        given_back=command.amount,
        correlation_id=command.envelope.correlation_id or command.envelope.id,
        at=command.time,
    )


def _reserved(command: RefundReserve) -> RefundReserved:
    return RefundReserved.model_validate(command.model_dump()).because(command)


def _reused(command: RefundReserve) -> Refused:
    detail = f"credit note {command.credit_note_id} had another content"
    return Refused(command, "id_reused", detail)
