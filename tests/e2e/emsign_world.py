"""What the emSign tests share: the settings of a connector to the test account, and certkeep-ca driven against it."""
import emsign
from acme import Driver


def settings(ca, **more):
    return {"base_url": ca.base, "account_number": emsign.ACCOUNT, "access_key": emsign.ACCESS_KEY, "full_name": emsign.PERSON,
            "email": emsign.EMAIL, "phone_country": "91", "phone": "9000000000", "designation": "Engineer",
            "product": emsign.DV, "group_number": emsign.GROUP, "signer_place": "Pune", "signer_ip": "9.9.9.9",
            "trust": ca.trust, "requests_per_s": 1000, **more}


class EmSignDriver(Driver):
    kind = "emsign"

    def __init__(self, ca, port, **more):
        super().__init__("", http01_port=port, settings=settings(ca, **more))
        self.secret = emsign.ACCESS_KEY

    def test(self, secrets=None, **more):
        return super().test(secrets or {"access_key": self.secret}, **more)
