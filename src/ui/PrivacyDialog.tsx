// What keeps everything in the tab, as it is here: the page's own policy, read from the answer that brought it, who sends it, and what it has refused.
import { useEffect, useState } from 'react';
import { useStore } from 'zustand';
import { directivesOf, keepsWithin, type OwnPolicy, readOwnPolicy } from '../app/privacy.ts';
import { openDialog } from '../app/shell.ts';
import { type Delivery, delivery, refusals } from '../app/site.ts';
import { ShellDialog } from './ShellDialog.tsx';

const BY: Record<Delivery['policyBy'], string> = {
  checking: 'Looking for who sends the policy with the scripts of workers…',
  host: "This host sends it with every file, the workers' scripts too.",
  'service worker': "This host sends none; the page's service worker sends it with every file, the workers' scripts too.",
  nobody:
    'This host sends none with the scripts of workers, and there is no service worker to do it: the page itself is held by the policy in it, its workers by nothing but their code. Serve the page with npm start, or from a host over https.',
};

export function PrivacyDialog() {
  return (
    <ShellDialog name="privacy" title="Privacy">
      <Privacy />
    </ShellDialog>
  );
}

function Privacy() {
  const { policyBy, offline, problem, refused, ended } = useStore(delivery);
  const [own, setOwn] = useState<OwnPolicy | null>(null);
  useEffect(() => {
    void readOwnPolicy().then(setOwn);
  }, []);
  const policy = own?.header ?? own?.meta ?? null;
  return (
    <>
      <p>
        Models, data and logs stay in this tab. That is no promise but a rule that the browser keeps: what is below is the policy under
        which this page runs{policy !== null && keepsWithin(policy) ? ', and no request to another origin passes it' : ''}.
      </p>
      <p className="detail">{BY[policyBy]}</p>
      {problem ? <p className="detail">{problem}</p> : null}
      {own && policy === null ? <p role="alert">This page has no policy at all: it was not made by npm run build.</p> : null}
      {policy ? (
        <table className="policy">
          <caption className="visually-hidden">The policy of this page</caption>
          <tbody>
            {directivesOf(policy).map(({ name, about, sources }) => (
              <tr key={name}>
                <th scope="row">
                  <code>{name}</code>
                </th>
                <td>
                  <code>{sources}</code>
                </td>
                <td className="detail">{about}</td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : null}
      <Refused refused={refused} ended={ended} />
      <p className="detail">
        {offline ? 'The page opens without the network. ' : ''}
        {crossOriginIsolated
          ? 'It is isolated from other origins.'
          : 'It is not isolated from other origins: Python that runs too long is ended with its interpreter instead of being interrupted; nothing else differs.'}
      </p>
    </>
  );
}

function Refused({ refused, ended }: Pick<Delivery, 'refused' | 'ended'>) {
  const { page, worker, sandbox, last } = refused;
  return (
    <>
      <p>
        {last
          ? `Refused since the page was opened: ${page} ${page === 1 ? 'request' : 'requests'} of the page, ${worker} of its workers, ${sandbox} of the Python sandbox; the last by ${last.directive}: ${last.address || 'inline'}.`
          : 'Nothing had to be refused to the page, its workers or the Python sandbox since it was opened.'}
      </p>
      {ended > 0 ? <p>{`${ended} Python ${ended === 1 ? 'program was' : 'programs were'} ended on trying to leave the sandbox.`}</p> : null}
    </>
  );
}

/** The line at the end of the page. */
export function PrivacyLine() {
  const refused = useStore(delivery, (s) => refusals(s.refused));
  return (
    <footer className="privacy-line">
      <p>
        Nothing leaves this tab{refused > 0 ? `; ${refused} ${refused === 1 ? 'request was' : 'requests were'} refused` : ''}.{' '}
        <button type="button" className="link" onClick={() => openDialog('privacy')}>
          Privacy
        </button>
      </p>
    </footer>
  );
}
