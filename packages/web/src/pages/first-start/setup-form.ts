import { ROUTES } from "@nixfleet/protocol";

/** The one-time token of a setup link, `/setup#<token>`. It is in the fragment, so that browsers do not send it to servers or logs. */
export function tokenOf(hash: string): string | undefined {
  const token = hash.replace(/^#/, "").replace(/^token=/, "");
  return /^[\w-]{8,200}$/.test(token) ? token : undefined;
}

export interface SetupFields {
  readonly name: string;
  readonly password: string;
  readonly again: string;
}

/** The error of each field, by the contract's schema; an empty object if there is none. */
export function faultsOf(fields: SetupFields): Partial<Record<keyof SetupFields, string>> {
  const { name, password } = ROUTES.setup.body.shape;
  const faults: Partial<Record<keyof SetupFields, string>> = {};
  if (!name.safeParse(fields.name).success) faults.name = "Enter a name of 1 to 60 characters.";
  const weak = password.safeParse(fields.password).error?.issues[0]?.message;
  if (weak !== undefined) faults.password = `Use ${weak}.`;
  else if (fields.again !== fields.password) faults.again = "The passwords do not match.";
  return faults;
}
