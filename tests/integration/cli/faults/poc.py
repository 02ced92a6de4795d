"""Faults of proofs of concept."""

from typing import Final

from tests.integration.cli.faults.planting import REFUND_OF_TRIED, Fault, another_invoice, entry

POC: Final = (
    Fault(
        "poc_wallets_pay_for_poc",
        "ord-poor/none",
        ("update billing.payment set method = 'poc' where payment_id = 'payment-ord-poor'",),
        "for something else",
    ),
    Fault(
        "poc_wallets_pay_for_poc",
        "ord-poor/none",
        (
            """update billing.order_item set priced = priced || '{"poc": "running"}'
               where order_id = 'ord-poor'""",
        ),
        "paid by other means",
    ),
    Fault(
        "refunds_within_payments",
        "tried",
        (
            "update billing.refund set wallet = 'credit' where order_id = 'ord-stop'",
            f"""with gone as (
                    delete from wallet.transfer where transfer_id = '{REFUND_OF_TRIED}'
                    returning account_id, wallet, balance_before
                )
                update wallet.wallet w
                set balance = g.balance_before, transfers = w.transfers - 1
                from gone g where (w.account_id, w.wallet) = (g.account_id, g.wallet)""",
            *entry("refund", REFUND_OF_TRIED, "pia", 90_000),
        ),
        "into another wallet",
    ),
    Fault(
        "poc_grants_arrived",
        "promised",
        (
            """insert into billing.poc_grant (grant_id, account_id, amount, ends_at, granted_by,
                   granted_at)
               select 'promised', account_id, 1, ends_at, granted_by, granted_at
               from billing.poc_grant""",
        ),
        "granted only",
    ),
    Fault("poc_grants_arrived", "found", entry("grant", "found", "poor", 1_000), "never granted"),
    Fault(
        "poc_wallets_end",
        "pia",
        ("update wallet.wallet set ends_at = ends_at + interval '1 day' where wallet = 'poc'",),
    ),
    Fault(
        "poc_has_no_invoice",
        "of-a-poc",
        another_invoice("of-a-poc", "trial", kind="prepaid", order_id="trial"),
    ),
    Fault(
        "poc_ends_with_its_wallet",
        "trial",
        (
            """update provisioning.resource set ends_at = ends_at + interval '1 day'
               where resource_id = 'trial'""",
        ),
    ),
)
