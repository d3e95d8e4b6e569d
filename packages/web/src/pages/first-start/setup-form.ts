import { ROUTES } from "@nixfleet/protocol";

/** The one-time token of a setup link, `/setup#<token>`. It stands in the fragment so that it reaches no server and no log by itself. */
export function tokenOf(hash: string): string | undefined {
  const token = hash.replace(/^#/, "").replace(/^token=/, "");
  return /^[\w-]{8,200}$/.test(token) ? token : undefined;
}

export interface SetupFields {
  readonly name: string;
  readonly password: string;
  readonly again: string;
}

/** What is wrong with each field, by the contract's own rules; an empty object if nothing is. */
export function faultsOf(fields: SetupFields): Partial<Record<keyof SetupFields, string>> {
  const { name, password } = ROUTES.setup.body.shape;
  const faults: Partial<Record<keyof SetupFields, string>> = {};
  if (!name.safeParse(fields.name).success) faults.name = "A name of 1 to 60 characters is needed.";
  const weak = password.safeParse(fields.password).error?.issues[0]?.message;
  if (weak !== undefined) faults.password = `A password has ${weak}.`;
  else if (fields.again !== fields.password) faults.again = "The two are not the same.";
  return faults;
}
